"""The commit protocol: whole or absent, under a number that is never replaced."""

import os
import stat

import pytest

from pbtune.checkpoints import copying
from pbtune.checkpoints.store import LocalStore
from pbtune.errors import CheckpointMissing

KIB = 1 << 10
MIB = 1 << 20


@pytest.fixture
def run_dir(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    return folder


@pytest.fixture(params=["process", "power"])
def store(run_dir, request):
    return LocalStore(run_dir, durability=request.param)


def names(run_dir):
    return sorted(path.relative_to(run_dir).as_posix() for path in run_dir.glob("*/*"))


def test_a_directory_is_copied_whole_under_its_number(store, run_dir, source, files):
    folder = source()
    committed = store.commit_directory("t0", folder, 10)
    assert committed.id == "t0/checkpoint_000010"
    assert (committed.number, committed.file_count) == (10, 3)
    assert committed.bytes == sum(len(data) for data in files(folder).values())
    assert files(store.path_of(committed.id)) == files(folder)
    assert names(run_dir) == ["t0/checkpoint_000010"]


def test_the_copy_stands_by_itself(store, source, files):
    folder = source()
    before = files(folder)
    committed = store.commit_directory("t0", folder, 0)
    (folder / "model.bin").write_bytes(b"the next step")
    (folder / "inner/deep/state.json").unlink()
    assert files(store.path_of(committed.id)) == before
    assert store.verify(committed) is None


def test_a_number_that_is_taken_is_never_replaced(store, source, files):
    first = store.commit_directory("t0", source("a", {"f": b"first"}), 3)
    second = store.commit_directory("t0", source("b", {"f": b"second"}), 3)
    assert (first.number, second.number) == (3, 4)
    assert files(store.path_of(first.id)) == {"f": b"first"}
    assert files(store.path_of(second.id)) == {"f": b"second"}


@pytest.mark.parametrize("blocker", ["directory", "file", "broken link"])
def test_whatever_bears_the_name_keeps_it(store, run_dir, source, blocker):
    taken = run_dir / "t0" / "checkpoint_000000"
    taken.parent.mkdir()
    if blocker == "directory":
        taken.mkdir()
    elif blocker == "file":
        taken.write_text("mine")
    else:
        taken.symlink_to("nowhere")
    assert store.commit_directory("t0", source(), 0).number == 1
    assert os.path.lexists(taken)
    assert not taken.is_dir() or list(taken.iterdir()) == []


def test_members_have_numbers_of_their_own(store, source):
    folder = source()
    ids = [store.commit_directory(trial, folder, 0).id for trial in ("t0", "t1")]
    assert ids == ["t0/checkpoint_000000", "t1/checkpoint_000000"]


def test_numbers_may_grow_beyond_six_digits(store, run_dir, source):
    committed = store.commit_directory("t0", source(), 1_234_567)
    assert committed.id == "t0/checkpoint_1234567"
    assert store.sweep([committed.id]) == []
    assert store.sweep([]) == [committed.id]
    assert names(run_dir) == []


def test_an_empty_directory_is_a_checkpoint_too(store, source):
    committed = store.commit_directory("t0", source(content={}), 0)
    assert (committed.bytes, committed.file_count) == (0, 0)
    assert store.verify(committed) is None


@pytest.mark.parametrize("size", [1, MIB - 1, MIB, MIB + 1, 3 * MIB + 17])
def test_files_of_every_size_are_copied_exactly(store, source, size, files):
    data = bytes(range(256)) * (size // 256 + 1)
    folder = source(content={"weights": data[:size]})
    committed = store.commit_directory("t0", folder, 0)
    assert (committed.bytes, committed.file_count) == (size, 1)
    assert files(store.path_of(committed.id)) == {"weights": data[:size]}
    assert store.verify(committed) is None


@pytest.mark.parametrize("error", sorted(copying._CANT))
def test_a_file_system_without_copies_in_the_kernel_is_served_too(
    store, source, files, monkeypatch, error
):
    def refuse(*_args):
        raise OSError(error, "not here")

    monkeypatch.setattr(os, "copy_file_range", refuse, raising=False)
    folder = source(content={"weights": os.urandom(2 * MIB + 3)})
    assert files(store.path_of(store.commit_directory("t0", folder, 0).id)) == files(folder)


def test_a_kernel_that_copies_only_a_part_is_served_too(store, source, files, monkeypatch):
    calls = []

    def copy_a_part(from_fd, to_fd, _count):
        calls.append(from_fd)
        return os.write(to_fd, os.read(from_fd, 700 * KIB)) if len(calls) == 1 else 0

    monkeypatch.setattr(os, "copy_file_range", copy_a_part, raising=False)
    folder = source(content={"weights": os.urandom(2 * MIB + 3)})
    assert files(store.path_of(store.commit_directory("t0", folder, 0).id)) == files(folder)
    assert len(calls) == 2


def test_writes_that_stop_half_way_go_on(store, source, files, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:1000]))
    folder = source(content={"weights": os.urandom(5000)})
    committed = store.commit_directory("t0", folder, 0)
    monkeypatch.undo()
    assert files(store.path_of(committed.id)) == files(folder)


def test_links_are_followed(store, source, files, tmp_path):
    (tmp_path / "shared").write_bytes(b"vocabulary")
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "a").write_bytes(b"1")
    folder = source(content={})
    (folder / "vocab").symlink_to(tmp_path / "shared")
    (folder / "assets").symlink_to(tmp_path / "assets")
    path = store.path_of(store.commit_directory("t0", folder, 0).id)
    (tmp_path / "shared").unlink()
    assert files(path) == {"vocab": b"vocabulary", "assets/a": b"1"}


def test_names_of_any_bytes_are_copied(store, tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    raw = os.fsencode(folder) + b"/caf\xe9 \n.bin"
    with open(raw, "wb") as file:  # noqa: PTH123  a path of bytes
        file.write(b"1")
    committed = store.commit_directory("t0", folder, 0)
    assert store.verify(committed) is None
    [copied] = store.path_of(committed.id).iterdir()
    assert os.fsencode(copied.name) == b"caf\xe9 \n.bin"


def test_files_stay_executable_and_folders_private(store, run_dir, source):
    folder = source()
    (folder / "model.bin").chmod(0o755)
    (folder / "empty").chmod(0o444)
    path = store.path_of(store.commit_directory("t0", folder, 0).id)
    assert stat.S_IMODE((path / "model.bin").stat().st_mode) == 0o755
    assert stat.S_IMODE((path / "empty").stat().st_mode) == 0o444
    for private in (path, path / "inner", run_dir / "t0"):
        assert stat.S_IMODE(private.stat().st_mode) == 0o700


@pytest.mark.parametrize("kind", ["nothing", "a file"])
def test_a_directory_that_is_none_is_named(store, run_dir, tmp_path, kind):
    missing = tmp_path / "gone"
    if kind == "a file":
        missing.write_text("")
    with pytest.raises(CheckpointMissing, match="gone"):
        store.commit_directory("t0", missing, 0)
    assert names(run_dir) == []


def test_a_link_to_nothing_inside_is_named(store, run_dir, source):
    folder = source()
    (folder / "latest").symlink_to("nowhere")
    with pytest.raises(CheckpointMissing, match="latest"):
        store.commit_directory("t0", folder, 0)
    assert names(run_dir) == []


def test_a_copy_that_fails_leaves_nothing_and_can_be_repeated(
    store, run_dir, source, monkeypatch, files
):
    folder = source()

    def fail(*_args):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fail)
        with pytest.raises(OSError, match="No space"):
            store.commit_directory("t0", folder, 0)
    assert names(run_dir) == []
    assert files(store.path_of(store.commit_directory("t0", folder, 0).id)) == files(folder)


def test_what_an_interrupted_copy_left_is_written_over(store, run_dir, source, files):
    half = run_dir / "t0" / f".tmp-{os.getpid()}-0"
    half.mkdir(parents=True)
    (half / "half").write_text("half")
    folder = source()
    committed = store.commit_directory("t0", folder, 0)
    assert files(store.path_of(committed.id)) == files(folder)
    assert names(run_dir) == [committed.id]


def test_a_checkpoint_that_holds_the_run_itself_is_refused(store, run_dir):
    (run_dir / "t0").mkdir()
    (run_dir / "t0" / "model").write_text("1")
    for inside in (run_dir, run_dir / "t0"):
        with pytest.raises(CheckpointMissing, match="inside"):
            store.commit_directory("t0", inside, 0)
    assert names(run_dir) == ["t0/model"]


def test_a_staged_folder_is_moved_without_a_second_write(store, run_dir, files):
    staged = store.stage("t0")
    assert list(staged.iterdir()) == []
    (staged / "model").write_bytes(b"large")
    inode = (staged / "model").stat().st_ino
    committed = store.commit_staged("t0", staged, 4)
    assert committed.id == "t0/checkpoint_000004"
    assert (store.path_of(committed.id) / "model").stat().st_ino == inode
    assert files(store.path_of(committed.id)) == {"model": b"large"}
    assert names(run_dir) == ["t0/checkpoint_000004"]
    assert store.verify(committed) is None


def test_a_staged_folder_does_not_replace_a_number_either(store, source, files):
    first = store.commit_directory("t0", source(content={"f": b"first"}), 0)
    second = store.commit_staged("t0", store.stage("t0"), 0)
    assert second.number == 1
    assert files(store.path_of(first.id)) == {"f": b"first"}


def test_two_staged_folders_are_two(store):
    assert store.stage("t0") != store.stage("t0")


def test_a_staged_folder_that_went_away_is_named(store):
    staged = store.stage("t0")
    staged.rmdir()
    with pytest.raises(CheckpointMissing, match=staged.name):
        store.commit_staged("t0", staged, 0)


def test_a_discarded_folder_is_gone_and_may_be_discarded_again(store, run_dir):
    staged = store.stage("t0")
    (staged / "model").write_text("1")
    store.discard(staged)
    store.discard(staged)
    assert names(run_dir) == []


DAMAGE = {
    "missing": (lambda path: path.rename(path.with_name("away")), "missing"),
    "a byte changed": (
        lambda path: (path / "model.bin").write_bytes(b"\x00weightz\xff"),
        "changed",
    ),
    "a file fewer": (lambda path: (path / "empty").unlink(), "2 files"),
    "a file more": (lambda path: (path / "new").write_bytes(b""), "4 files"),
    "a file cut": (lambda path: (path / "model.bin").write_bytes(b""), "bytes"),
    "a file renamed": (lambda path: (path / "empty").rename(path / "void"), "changed"),
    "a file moved": (lambda path: (path / "empty").rename(path / "inner" / "empty"), "changed"),
    "bytes moved to another file": (
        lambda path: [
            (path / "model.bin").write_bytes(b"\x00weights"),
            (path / "empty").write_bytes(b"\xff"),
        ],
        "changed",
    ),
}


@pytest.mark.parametrize(("damage", "expected"), DAMAGE.values(), ids=DAMAGE)
def test_verify_finds_what_happened_to_the_files(store, source, damage, expected):
    committed = store.commit_directory("t0", source(), 0)
    assert store.verify(committed) is None
    damage(store.path_of(committed.id))
    assert expected in (store.verify(committed) or "")


def test_a_deleted_checkpoint_is_gone_and_its_neighbours_stay(store, run_dir, source):
    folder = source()
    first, second = (store.commit_directory("t0", folder, number) for number in (0, 1))
    store.delete(first.id)
    assert names(run_dir) == [second.id]
    assert store.verify(second) is None


def test_deleting_what_is_gone_is_fine(store, source):
    committed = store.commit_directory("t0", source(), 0)
    store.delete(committed.id)
    store.delete(committed.id)
    store.delete("t9/checkpoint_000000")


def test_a_deletion_that_stops_half_way_leaves_no_half_checkpoint(
    store, run_dir, source, monkeypatch
):
    committed = store.commit_directory("t0", source(), 0)
    monkeypatch.setattr("pbtune.checkpoints.store.remove_tree", lambda _path: None)
    store.delete(committed.id)
    monkeypatch.undo()
    assert not store.path_of(committed.id).exists()
    assert store.sweep([committed.id]) == names_before_sweep(committed)
    assert names(run_dir) == []


def names_before_sweep(committed):
    trial, _, name = committed.id.partition("/")
    return [f"{trial}/.tmp-deleted-{name}"]


def test_a_sweep_leaves_what_is_known_and_what_is_not_ours(store, run_dir, source):
    folder = source()
    known = store.commit_directory("t0", folder, 0)
    stray = store.commit_directory("t0", folder, 1)
    other = store.commit_directory("t1", folder, 0)
    staged = store.stage("t1")
    (run_dir / "run.db").write_text("")
    (run_dir / "t0" / "output.log").write_text("printed")
    (run_dir / "t0" / "checkpoint_000009").write_text("a file of the user's")
    (run_dir / "t0" / "my_checkpoint_000001").mkdir()
    gone = store.sweep(iter([known.id]))
    assert sorted(gone) == sorted([stray.id, other.id, f"t1/{staged.name}"])
    assert names(run_dir) == [
        known.id,
        "t0/checkpoint_000009",
        "t0/my_checkpoint_000001",
        "t0/output.log",
    ]
    assert (run_dir / "run.db").exists()
    assert store.sweep([known.id]) == []
