"""``pbtune clean``: only what nobody needs, only when asked, never under a driver."""

import shutil

import pytest

from pbtune.journal.lock import LOCK_NAME, RunLock
from pbtune.journal.reader import JournalReader
from pbtune.reporting.snapshot import RunView


@pytest.fixture
def run_dir(storage, tmp_path):
    """A run's copy with two leftovers."""
    folder = tmp_path / "climb"
    shutil.copytree(storage / "climb", folder)
    for name in (".tmp-123-4", "checkpoint_000999"):
        (folder / "t0" / name).mkdir()
        (folder / "t0" / name / "weights").write_bytes(b"x" * 3000)
    return folder


@pytest.fixture
def clean(call, run_dir):
    def command(*args):
        return call("clean", *args, "--storage", run_dir.parent)

    return command


def leftovers(run_dir):
    return sorted(
        it.name
        for it in (run_dir / "t0").iterdir()
        if it.name in {".tmp-123-4", "checkpoint_000999"}
    )


def needed(run_dir):
    with JournalReader(run_dir) as reader:
        names = RunView(reader).experiment.references
    return [(run_dir / name).is_dir() for name in names]


def test_a_dry_run_says_what_would_go_and_deletes_nothing(clean, run_dir):
    result = clean("--dry-run")
    assert result.exit_code == 0
    assert f"{run_dir / 't0' / '.tmp-123-4'}  (nobody needs it)" in result.output
    assert "5.9 KiB in 2 folders could be deleted." in result.output
    assert len(leftovers(run_dir)) == 2


def test_what_a_result_or_a_resume_needs_stays(clean, run_dir):
    assert needed(run_dir)
    assert clean("climb", "--yes").exit_code == 0
    assert leftovers(run_dir) == []
    assert all(needed(run_dir))
    assert clean("--yes").output == "There is nothing to delete.\n"


def test_it_asks_and_no_answer_is_a_no(clean, run_dir):
    result = clean()
    assert "Delete 5.9 KiB in 2 folders? [y/N]" in result.output
    assert result.exit_code == 1
    assert len(leftovers(run_dir)) == 2


def test_a_whole_run_goes_only_by_name(clean, run_dir):
    assert clean("--whole", "--yes").exit_code == 2
    assert run_dir.is_dir()
    result = clean("--whole", "climb", "--yes")
    assert result.exit_code == 0
    assert "a run of 4 members" in result.output
    assert list(run_dir.parent.iterdir()) == []


@pytest.mark.parametrize("args", [["--yes"], ["--whole", "climb", "--yes"], ["--dry-run"]])
def test_a_run_that_is_being_trained_is_left_alone(clean, run_dir, args):
    with RunLock(run_dir):
        result = clean(*args)
    assert "is left alone: " in result.stderr
    assert "nothing to delete" in result.stdout
    assert len(leftovers(run_dir)) == 2


def test_a_dry_run_does_not_forget_that_a_driver_was_killed(clean, run_dir):
    (run_dir / LOCK_NAME).write_text("4194304")
    clean("--dry-run")
    assert (run_dir / LOCK_NAME).read_text() == "4194304"


def test_a_run_that_cannot_be_read_is_left_alone_unless_it_is_to_go_whole(clean, run_dir):
    (run_dir / "run.db").write_text("no database")
    result = clean("--yes")
    assert "is left alone" in result.stderr
    assert len(leftovers(run_dir)) == 2
    assert "a run that can't be read" in clean("--whole", "climb", "--yes").output
    assert not run_dir.exists()
