"""Ask Ray Tune itself: `.venv-ray/bin/python tests/compat/ask_ray.py [WORD...]`.

Needs `make bench-ray`. Its answers are tests/compat/ray_tune.json; with words only the cases whose
names hold one of them are asked again.
"""

import json
import logging
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
os.environ.update(
    RAY_USAGE_STATS_ENABLED="0",
    RAY_AIR_NEW_OUTPUT="0",
    RAY_CHDIR_TO_TRIAL_DIR="0",
    TUNE_DISABLE_SIGINT_HANDLER="1",
    PYTHONPATH=str(Path(__file__).parent),
)

from asking import asked, case_functions

ANSWERS = Path(__file__).with_name("ray_tune.json")


def main(words):
    """Ask, and write after each case, so that a crash loses nothing."""
    import cases
    import ray
    from ray import cloudpickle

    functions = case_functions()
    for name in [name for name in sys.modules if name.split(".")[0] == cases.__name__]:
        # Workers needn't find them.
        cloudpickle.register_pickle_by_value(sys.modules[name])
    ray.init(num_cpus=4, include_dashboard=False, logging_level=logging.ERROR, log_to_driver=False)
    answers = json.loads(ANSWERS.read_text(encoding="utf-8")) if words else {}
    for name, function in functions.items():
        if words and not any(word in name for word in words):
            continue
        print(name, flush=True)  # noqa: T201  it takes minutes
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            new = asked(name, function, Path(folder))
        known = {it for it in answers if it == name or it.startswith(f"{name}.")}
        answers = {key: it for key, it in answers.items() if key not in known} | new
        text = json.dumps(dict(sorted(answers.items())), indent=1)
        ANSWERS.write_text(f"{text}\n", encoding="utf-8")
    ray.shutdown()


if __name__ == "__main__":
    main(sys.argv[1:])
