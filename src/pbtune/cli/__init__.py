"""The command line, ``pbtune VERB``. A verb is loaded when it is asked for."""

import importlib
from typing import Final, final

import click

from pbtune.version import __version__

VERBS: Final = {
    "run": ("run", "Run a script, also one written for Ray Tune."),
    "watch": ("watch", "Show a run live, while another process trains it."),
    "list": ("list_runs", "List the runs of a storage folder."),
    "show": ("show", "Show a run's population, its failures and what it warned of."),
    "story": ("story", "Tell what happened, a line a record."),
    "plot": ("plot", "Draw a run: scores, schedule, lineage, diversity."),
    "report": ("report", "Write all of a run as one HTML file."),
    "export": ("export", "Write what a run found: the winner's hyperparameter schedule."),
    "dashboard": ("dashboard", "Show runs in a browser, live."),
    "resume": ("resume", "Go on with a run, exactly where its journal ends."),
    "verify": ("verify", "Recompute every decision of a run, and check its checkpoints."),
    "clean": ("clean", "Delete what runs no longer need, or whole runs."),
    "completion": ("completion", "Print what bash, zsh or fish need to complete words."),
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

    RUN is a run's name in the storage folder (./pbtune_results, PBTUNE_STORAGE or --storage), or
    the path of its folder. All verbs but run, resume and clean only read, also while it trains.

    \b
    pbtune run train.py                   a script of yours
    pbtune run --as-ray script.py         one written for Ray Tune, unchanged
    pbtune list                           the runs in ./pbtune_results
    pbtune watch pbt_function             one of them, live
    pbtune plot pbt_function -k lineage   its tree, as a picture
    pbtune export pbt_function --schedule the winner's hyperparameters, step by step
    pbtune VERB --help                    more of each

    Exit codes: 0 done, 1 it can't be done (one line on standard error says why), 2 wrong arguments,
    130 interrupted; run gives the script's own.
    """  # noqa: D301  click reads the escape
