"""Ray Tune on the same problem: both configurations, whole processes, each once."""

from typing import Any

from benchmarks.measure import RAY_PYTHON, Options, Unmeasured, say, storage_folder, workload

CONFIGURATIONS = {"2 slots": 2, "8 slots": 8}


def measured(options: Options) -> dict[str, dict[str, Any]]:
    """Wall time per report by configuration; minutes each.

    Raises:
        Unmeasured: If Ray Tune isn't there or isn't wanted.
    """
    if not options.ray:
        message = "left out by --no-ray"
        raise Unmeasured(message)
    if not RAY_PYTHON.is_file():
        message = "Ray Tune isn't there: `make bench-ray` makes its environment"
        raise Unmeasured(message)
    found: dict[str, dict[str, Any]] = {}
    for title, slots in CONFIGURATIONS.items():
        say(f"Ray Tune, {title} (a minute or two)")
        with storage_folder() as storage:
            ran, got = workload("ray_example", storage, "--slots", str(slots), python=RAY_PYTHON)
        found[title] = {
            **got,
            "slots": slots,
            "wall_s": ran.wall_s,
            "ms": ran.wall_s / got["reports"] * 1e3,
            "fit_ms": got["fit_s"] / got["reports"] * 1e3,
        }
    return found


def best(configurations: dict[str, dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    """The configuration with the least time per report, of those that came to their end.

    Raises:
        Unmeasured: If none did.
    """
    ended = {title: one for title, one in configurations.items() if not one["errors"]}
    if not ended:
        message = "Ray Tune died in every configuration"
        raise Unmeasured(message)
    return min(ended.items(), key=lambda item: item[1]["ms"])
