"""What every checkpoint store promises."""

# ruff: noqa: S101, D102, PLR2004  tests: each name is a sentence

from pathlib import Path
from typing import Final

from pbtune.checkpoints.store import AbstractCheckpointStore
from pbtune.errors import CheckpointMissing
from pbtune.testing.contracts.raising import raises

FILES: Final = {"model.bin": b"\x00weights\xff", "inner/deep/state.json": b"{}", "empty": b""}


def written(folder: Path, content: dict[str, bytes] = FILES) -> Path:
    """A folder with these files in it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def held(folder: Path) -> dict[str, bytes]:
    """The files of a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


class CheckpointStoreContract:
    """Subclass it with a fixture ``store``, new and empty; pytest gives ``tmp_path``."""

    def test_a_directory_comes_back_whole_under_its_number(
        self, store: AbstractCheckpointStore, tmp_path: Path
    ) -> None:
        committed = store.commit_directory("t0", written(tmp_path / "a"), 10)
        assert (committed.id, committed.number) == ("t0/checkpoint_000010", 10)
        assert committed.file_count == len(FILES)
        assert committed.bytes == sum(map(len, FILES.values()))
        assert held(store.path_of(committed.id)) == FILES
        assert store.verify(committed) is None

    def test_what_happens_to_the_source_later_changes_nothing(
        self, store: AbstractCheckpointStore, tmp_path: Path
    ) -> None:
        source = written(tmp_path / "a")
        committed = store.commit_directory("t0", source, 0)
        (source / "model.bin").write_bytes(b"the next step")
        (source / "inner/deep/state.json").unlink()
        assert held(store.path_of(committed.id)) == FILES
        assert store.verify(committed) is None

    def test_a_number_that_is_taken_is_never_replaced(
        self, store: AbstractCheckpointStore, tmp_path: Path
    ) -> None:
        first = store.commit_directory("t0", written(tmp_path / "a", {"f": b"first"}), 3)
        second = store.commit_directory("t0", written(tmp_path / "b", {"f": b"second"}), 3)
        third = store.commit_staged("t0", written(store.stage("t0"), {"f": b"third"}), 0)
        assert first.number == 3
        assert len({first.number, second.number, third.number}) == 3
        assert second.number > 3
        for committed, data in ((first, b"first"), (second, b"second"), (third, b"third")):
            assert held(store.path_of(committed.id)) == {"f": data}

    def test_members_have_numbers_of_their_own(
        self, store: AbstractCheckpointStore, tmp_path: Path
    ) -> None:
        source = written(tmp_path / "a")
        names = [store.commit_directory(trial, source, 0).id for trial in ("t0", "t1")]
        assert names == ["t0/checkpoint_000000", "t1/checkpoint_000000"]

    def test_an_empty_directory_is_a_checkpoint_too(
        self, store: AbstractCheckpointStore, tmp_path: Path
    ) -> None:
        committed = store.commit_directory("t0", written(tmp_path / "a", {}), 0)
        assert (committed.bytes, committed.file_count) == (0, 0)
        assert store.verify(committed) is None

    def test_a_directory_that_is_none_leaves_nothing(
        self, store: AbstractCheckpointStore, tmp_path: Path
    ) -> None:
        with raises(CheckpointMissing):
            store.commit_directory("t0", tmp_path / "gone", 0)
        assert store.commit_directory("t0", written(tmp_path / "a"), 0).number == 0

    def test_a_staged_folder_is_empty_and_then_a_checkpoint(
        self, store: AbstractCheckpointStore
    ) -> None:
        staged = store.stage("t0")
        assert held(staged) == {}
        committed = store.commit_staged("t0", written(staged), 4)
        assert committed.id == "t0/checkpoint_000004"
        assert held(store.path_of(committed.id)) == FILES
        assert store.verify(committed) is None
        assert not staged.exists()

    def test_two_staged_folders_are_two(self, store: AbstractCheckpointStore) -> None:
        assert store.stage("t0") != store.stage("t0")

    def test_a_discarded_folder_is_gone_and_may_be_discarded_again(
        self, store: AbstractCheckpointStore
    ) -> None:
        staged = written(store.stage("t0"))
        store.discard(staged)
        store.discard(staged)
        assert not staged.exists()
        with raises(CheckpointMissing):
            store.commit_staged("t0", staged, 0)

    def test_the_same_files_have_the_same_digest_and_others_another(
        self, store: AbstractCheckpointStore, tmp_path: Path
    ) -> None:
        one = store.commit_directory("t0", written(tmp_path / "a"), 0)
        two = store.commit_staged("t1", written(store.stage("t1")), 7)
        other = written(tmp_path / "b", {**FILES, "model.bin": b"\x00weightz\xff"})
        three = store.commit_directory("t0", other, 0)
        assert one.digest == two.digest != three.digest

    def test_verify_tells_a_checkpoint_that_is_gone(
        self, store: AbstractCheckpointStore, tmp_path: Path
    ) -> None:
        committed = store.commit_directory("t0", written(tmp_path / "a"), 0)
        store.delete(committed.id)
        assert store.verify(committed)

    def test_a_deleted_checkpoint_is_gone_and_its_neighbours_stay(
        self, store: AbstractCheckpointStore, tmp_path: Path
    ) -> None:
        source = written(tmp_path / "a")
        first, second = (store.commit_directory("t0", source, number) for number in (0, 1))
        store.delete(first.id)
        store.delete(first.id)
        store.delete("t9/checkpoint_000000")
        assert store.verify(first)
        assert store.verify(second) is None

    def test_a_sweep_deletes_what_no_commit_names_and_nothing_else(
        self, store: AbstractCheckpointStore, tmp_path: Path
    ) -> None:
        source = written(tmp_path / "a")
        known = store.commit_directory("t0", source, 0)
        strays = [store.commit_directory("t0", source, 1), store.commit_directory("t1", source, 0)]
        staged = written(store.stage("t1"))
        gone = store.sweep(iter([known.id]))
        assert len(gone) == 3
        assert {it.id for it in strays} <= set(gone)
        assert store.verify(known) is None
        assert all(store.verify(it) for it in strays)
        assert not staged.exists()
        assert store.sweep([known.id]) == []
