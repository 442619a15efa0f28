"""What the cases have in common."""

import itertools
import os
import tempfile

from ray import tune

_numbers = itertools.count()


def raised(function):
    """What a call raises; None if it doesn't."""
    try:
        function()
    except Exception as error:  # noqa: BLE001  it is what is asked
        return error
    return None


def fitted(trainable, folder, space=None, **settings):
    """The results of a small run."""
    return tuner(trainable, folder, space, **settings).fit()


RUN = ("stop", "checkpoint_config", "failure_config", "callbacks", "name", "log_to_file")


def tuner(trainable, folder, space=None, **settings):
    """A small run: RunConfig's and TuneConfig's settings by name."""
    run = {key: settings.pop(key) for key in RUN if key in settings}
    run.setdefault("name", f"run{next(_numbers)}")
    return tune.Tuner(
        trainable,
        param_space={} if space is None else space,
        tune_config=tune.TuneConfig(**settings),
        run_config=tune.RunConfig(storage_path=str(folder), verbose=0, **run),
    )


def checkpoint_of(value):
    """A checkpoint that holds a number."""
    folder = tempfile.mkdtemp()
    with open(os.path.join(folder, "value.txt"), "w") as file:
        file.write(str(value))
    return tune.Checkpoint.from_directory(folder)


def value_of(checkpoint):
    """The number in a checkpoint; None without one."""
    if checkpoint is None:
        return None
    with checkpoint.as_directory() as folder, open(os.path.join(folder, "value.txt")) as file:
        return int(file.read())


def counting(config):
    """Reports 1, 2, … 5, with a checkpoint each."""
    start = value_of(tune.get_checkpoint()) or 0
    for step in range(start + 1, 6):
        tune.report({"value": step * config.get("a", 1)}, checkpoint=checkpoint_of(step))


def simply(config):
    """Reports 1, 2, … 4."""
    for step in range(1, 5):
        tune.report({"value": step * config.get("a", 1), "step": step})
