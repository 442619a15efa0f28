"""``pbtune run``: run a script, also one written for Ray Tune."""

import runpy
import sys
from pathlib import Path

import click

from pbtune.tune import as_ray as ray_door


@click.command(
    "run",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.option(
    "--as-ray",
    is_flag=True,
    help="`import ray` names pbtune in this process: for scripts written for Ray Tune, unchanged.",
)
@click.argument("script", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def command(as_ray: bool, script: Path, args: tuple[str, ...]) -> None:  # noqa: FBT001  click's way
    """Run SCRIPT with ARGS, as `python SCRIPT ARGS` would.

    \b
    pbtune run train.py --epochs 10
    pbtune run --as-ray pbt_function_ray.py --smoke-test

    Options of pbtune come before SCRIPT; everything after it belongs to the script. With --as-ray
    the modules ray, ray.tune, ray.train and what is under them are pbtune's; a name that pbtune
    doesn't have is an error that says so.
    """  # noqa: D301  click reads the escape
    if as_ray:
        ray_door.install()
    sys.argv = [str(script), *args]
    # As python itself does: a script's own folder comes first.
    sys.path.insert(0, str(script.absolute().parent))
    runpy.run_path(str(script), run_name="__main__")
