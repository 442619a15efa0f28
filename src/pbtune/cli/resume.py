"""``pbtune resume``: go on with a run."""

import importlib
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import click

from pbtune.cli.runs import find, run_argument, storage_option, told
from pbtune.tune.tuner import Tuner


@click.command("resume")
@run_argument
@click.argument("function", required=False, metavar="[SCRIPT:FUNCTION]")
@click.option(
    "--errored", is_flag=True, help="Failed trials go on too, from their last checkpoint."
)
@click.option("--restart-errored", is_flag=True, help="Failed trials start from nothing.")
@click.option("--override", is_flag=True, help="Even if the function has another name than before.")
@storage_option
@told
def command(
    run: str,
    function: str | None,
    errored: bool,  # noqa: FBT001  click's way
    restart_errored: bool,  # noqa: FBT001
    override: bool,  # noqa: FBT001
    storage: Path | None,
) -> None:
    """Go on with RUN, a path or a name, exactly where its journal ends.

    The training function is the one that was kept with the run (in tuner.pkl: only resume runs
    that you trust), or SCRIPT:FUNCTION, as in train.py:train_fn or package.module:train_fn.
    """
    trainable = None if function is None else _function(function)
    tuner = Tuner.restore(
        find(run, storage),
        trainable,
        resume_errored=errored,
        restart_errored=restart_errored,
        override=override,
    )
    results = tuner.fit()
    click.echo(f"{results.num_terminated} trials ended well, {results.num_errors} failed.")


def _function(text: str) -> Callable[[dict[str, Any]], object]:
    source, colon, name = text.rpartition(":")
    if not colon:
        message = f"{text!r} must be SCRIPT:FUNCTION, as in train.py:train_fn"
        raise click.BadParameter(message)
    if source.endswith(".py"):
        sys.path.insert(0, str(Path(source).absolute().parent))
        # Not as __main__: the script must define its function, and not run.
        found = runpy.run_path(source, run_name="pbtune_resumed").get(name)
    else:
        found = getattr(importlib.import_module(source), name, None)
    if not callable(found):
        message = f"{source} has no function {name!r}"
        raise click.BadParameter(message)
    return cast("Callable[[dict[str, Any]], object]", found)
