"""``pbtune verify``: recompute every decision of a run, and look at its checkpoints."""

from pathlib import Path

import click

from pbtune.cli.runs import find, run_argument, storage_option, told
from pbtune.core.story import story_line
from pbtune.core.verify import Difference
from pbtune.tune.checking import check_run


@click.command("verify")
@run_argument
@storage_option
@told
def command(run: str, storage: Path | None) -> None:
    """Recompute every decision of RUN from its journal, and check the files of its checkpoints.

    Names the first decision that differs; the exit code is then 1.
    """
    checked = check_run(find(run, storage))
    if checked.difference is not None:
        raise click.ClickException(_told(checked.difference))
    if not checked.is_kept_right:
        message = (
            "what is kept folded beside the records is not what they fold to: a bug in pbtune, or a"
            " damaged file"
        )
        raise click.ClickException(message)
    for name, problem in checked.problems.items():
        click.echo(f"{name}: {problem}", err=True)
    whole = checked.checkpoint_count - len(checked.problems)
    click.echo(
        f"{checked.record_count:,} records: {checked.decision_count:,} decisions are as they would"
        f" be made again; {whole} of {checked.checkpoint_count} checkpoints are whole."
    )
    if checked.problems:
        raise SystemExit(1)


def _told(difference: Difference) -> str:
    recorded, recomputed = difference.recorded, difference.recomputed
    return (
        f"record {difference.at} ({story_line(difference.event)}) led to other decisions:\n"
        f"  recorded:   {story_line(recorded) if recorded is not None else 'nothing more'}\n"
        f"  recomputed: {story_line(recomputed) if recomputed is not None else 'nothing more'}"
    )
