"""Eight members on two slots; each notes when its function began and when it had reported.

``time.monotonic_ns`` is one clock for all processes of a machine.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np

import pbtune
from pbtune import tune
from pbtune.tune.schedulers import PopulationBasedTraining

ITERATIONS = 5


def main() -> None:
    """Run a few steps of each trial, and write the three times to ``--out``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    out = Path(parser.parse_args().out)
    folder = Path(tempfile.mkdtemp(dir=out.parent))

    def train(_config: dict[str, object]) -> None:
        line_ns = time.monotonic_ns()
        for step in range(ITERATIONS):
            tune.report({"score": float(np.random.normal())})
            if step == 0:
                times = {"first_line_ns": line_ns, "first_report_ns": time.monotonic_ns()}
                trial = tune.get_context().get_trial_id()
                Path(folder, f"{trial}.json").write_text(json.dumps(times))

    pbtune.init(num_cpus=2)
    scheduler = PopulationBasedTraining(
        time_attr="training_iteration",
        perturbation_interval=ITERATIONS,
        hyperparam_mutations={"rate": tune.uniform(0.0, 1.0)},
    )
    tuner = tune.Tuner(
        train,
        run_config=tune.RunConfig(
            name="first_report", verbose=0, stop={"training_iteration": ITERATIONS}
        ),
        tune_config=tune.TuneConfig(scheduler=scheduler, metric="score", mode="max", num_samples=8),
        param_space={"rate": 0.5},
    )
    fit_ns = time.monotonic_ns()
    if errors := tuner.fit().errors:
        raise errors[0]
    noted = [json.loads(path.read_text()) for path in folder.glob("*.json")]
    first = min(noted, key=lambda times: times["first_report_ns"])
    out.write_text(json.dumps({"fit_ns": fit_ns, **first}))


if __name__ == "__main__":
    main()
