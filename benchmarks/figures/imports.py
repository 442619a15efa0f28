"""What ``import pbtune`` adds to the start of an interpreter."""

import statistics
import sys

from benchmarks.measure import (
    Figure,
    Goal,
    Measured,
    Options,
    Outcome,
    run,
    say,
    spread,
    storage_folder,
)

IMPORT = Goal("import", "import pbtune, over bare Python", "ms", must=60, aim=25)
STARTS_A_RUN = 4
SPELLINGS = {
    "bare": "pass",
    "pbtune": "import pbtune",
    "tune": "from pbtune import tune; tune.Tuner",
}


def measure(options: Options) -> Outcome:
    """Each statement in a fresh interpreter, in turn."""
    walls: dict[str, list[float]] = {name: [] for name in SPELLINGS}
    say("import pbtune")
    with storage_folder() as storage:
        # The first round writes bytecode and is not counted.
        for turn in range(STARTS_A_RUN * options.runs + 1):
            for name, statement in SPELLINGS.items():
                ran = run([sys.executable, "-c", statement], storage)
                if turn:
                    walls[name].append(ran.wall_s * 1e3)
    added = [pbtune - bare for pbtune, bare in zip(walls["pbtune"], walls["bare"], strict=True)]
    tune = statistics.median(walls["tune"]) - statistics.median(walls["bare"])
    bare = statistics.median(walls["bare"])
    detail = f"{spread(added, 1)}; bare {bare:.1f}; with tune.Tuner {tune:.1f}"
    return Outcome({IMPORT.key: Measured(statistics.median(added), detail)}, walls)


FIGURE = Figure("import", (IMPORT,), measure)
