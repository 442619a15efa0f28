"""The command line: ``pbtune run | list | show | plot``. A verb is loaded when it is asked for."""

import importlib
from typing import Final, final

import click

from pbtune.version import __version__

VERBS: Final = {
    "run": ("run", "Run a script, also one written for Ray Tune."),
    "list": ("list_runs", "List the runs of a storage folder."),
    "show": ("show", "Show a run's population, its failures and what it warned of."),
    "story": ("story", "Tell what happened, a line a record."),
    "verify": ("verify", "Recompute every decision of a run, and check its checkpoints."),
    "resume": ("resume", "Go on with a run, exactly where its journal ends."),
    "plot": ("plot", "Draw a run: scores, hyperparameters, copies, the winner's lineage."),
    "export": ("export", "Write what a run found: the winner's hyperparameter schedule."),
    "dashboard": ("dashboard", "Show runs in a browser, live."),
}


@final
class LazyGroup(click.Group):
    """Imports a verb's module when the verb is used: ``--help`` stays fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All verbs."""
        del ctx
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb's command; None for a word that is none."""
        del ctx
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"pbtune.cli.{VERBS[cmd_name][0]}")
        return module.command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The verbs with their one line, without importing any of them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(verb, line) for verb, (_, line) in VERBS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="pbtune")
def main() -> None:
    """Population based training: look at runs, and start scripts.

    \b
    pbtune list                       the runs in ./pbtune_results
    pbtune show pbt_function          one of them
    pbtune plot pbt_function -o p.png its picture
    pbtune run --as-ray script.py     a script written for Ray Tune
    """  # noqa: D301  click reads the escape
