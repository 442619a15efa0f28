"""One trial that reports five floats and never has to wait; it times its own calls."""

import argparse
import json
import time
from pathlib import Path

import pbtune
from pbtune import tune

BURST = 20
PAUSE_S = 0.02
UNPAUSED = 20_000


def main() -> None:
    """Run one trial, and write its timings to ``--out``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    parser.add_argument("--bursts", type=int, default=50)
    arguments = parser.parse_args()

    def train(_config: dict[str, object]) -> None:
        clock = time.perf_counter_ns
        metrics = {"loss": 0.125, "accuracy": 0.875, "lr": 1e-3, "norm": 1.5, "speed": 1234.5678}
        calls_ns: list[int] = []
        for burst in range(arguments.bursts):
            # Training takes time: the pipe is drained between bursts, and caches go cold.
            time.sleep(PAUSE_S)
            for _ in range(BURST):
                metrics["loss"] = 1.0 / (burst + 1.0)
                before_ns = clock()
                tune.report(metrics)
                calls_ns.append(clock() - before_ns)
        before_ns = clock()
        for _ in range(UNPAUSED):
            tune.report(metrics)
        unpaused_ns = (clock() - before_ns) / UNPAUSED
        text = json.dumps({"calls_ns": calls_ns, "unpaused_ns": unpaused_ns})
        Path(arguments.out).write_text(text)

    pbtune.init(num_cpus=2)
    tuner = tune.Tuner(
        train,
        run_config=tune.RunConfig(name="streamed", verbose=0),
        tune_config=tune.TuneConfig(metric="loss", mode="min", num_samples=1),
        param_space={},
    )
    if errors := tuner.fit().errors:
        raise errors[0]


if __name__ == "__main__":
    main()
