"""Is a run what it says it is? Recompute its decisions, and look at its checkpoints."""

from pathlib import Path

import msgspec

from pbtune.checkpoints.remote_store import open_store
from pbtune.core.verify import Difference, RecordedCalls, verify
from pbtune.driver.recover import recover_entries, same
from pbtune.journal.reader import JournalReader
from pbtune.journal.settings_codec import decode_settings
from pbtune.tune.urls import PATIENCE_S


class Checked(msgspec.Struct, frozen=True):
    """What was found.

    ``difference`` is the first decision that would be made otherwise; ``problems`` says what is
    wrong with checkpoints that somebody needs, by id. ``is_kept_right``: what is kept folded beside
    the records is what they fold to.
    """

    record_count: int
    decision_count: int
    checkpoint_count: int
    difference: Difference | None
    problems: dict[str, str]
    is_kept_right: bool = True


def check_run(run_dir: Path) -> Checked:
    """Check a run, also one that is still training.

    Raises:
        RunUnreadable: If the folder is no run, or one that this version can't read.
    """
    calls = RecordedCalls()
    with JournalReader(run_dir) as reader, reader.snapshot():
        settings = decode_settings(str(reader.header.settings["engine"]), calls)
        entries = list(reader.entries())
        last, folded = reader.kept()
    _state, count, difference = verify(
        settings,
        ((entry.id, entry.record) for entry in entries),
        calls,
        lambda text: decode_settings(text, calls),
    )
    recovered = recover_entries(entries)
    onwards = recover_entries((it for it in entries if it.id > last), folded)
    names = sorted(recovered.state.references)
    url = str(reader.header.settings.get("storage_url", ""))
    problems = recovered.savings.problems(names, open_store(run_dir, "process", url, PATIENCE_S))
    is_kept_right = same(recovered, onwards)
    return Checked(len(entries), count, len(names), difference, problems, is_kept_right)
