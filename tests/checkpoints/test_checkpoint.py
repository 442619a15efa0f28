"""``Checkpoint``, as a user holds it."""

import os
import pickle
from pathlib import Path

import pytest

from pbtune.checkpoints.checkpoint import Checkpoint
from pbtune.errors import CheckpointMissing


def test_it_names_a_directory(source):
    folder = source()
    for path in (folder, str(folder)):
        checkpoint = Checkpoint.from_directory(path)
        assert checkpoint.path == str(folder)
        assert repr(checkpoint) == f"Checkpoint(path={str(folder)!r})"


def test_equal_when_the_directory_is_the_same(source):
    folder = source()
    same = {Checkpoint(folder), Checkpoint(str(folder)), Checkpoint.from_directory(folder)}
    assert len(same) == 1
    assert Checkpoint(folder) != Checkpoint(folder / "inner")
    assert Checkpoint(folder) != str(folder)


def test_it_is_no_path_and_says_what_to_use(source):
    with pytest.raises(TypeError, match="as_directory"):
        os.fspath(Checkpoint(source()))


def test_the_directory_is_lent_without_a_copy(source):
    folder = source()
    with Checkpoint.from_directory(folder).as_directory() as lent:
        assert lent == str(folder)
    assert folder.exists()


def test_a_missing_directory_is_named_at_once(tmp_path):
    with pytest.raises(CheckpointMissing, match=r"nowhere.*doesn't exist"):
        Checkpoint.from_directory(tmp_path / "nowhere")


def test_a_file_is_no_checkpoint(source):
    with pytest.raises(CheckpointMissing, match="is a file, not a directory"):
        Checkpoint.from_directory(source() / "model.bin")


@pytest.mark.parametrize(
    "use",
    [
        lambda checkpoint: checkpoint.as_directory().__enter__(),
        lambda checkpoint: checkpoint.to_directory(),
    ],
)
def test_a_directory_that_went_away_is_named_when_it_is_used(tmp_path, use):
    folder = tmp_path / "soon gone"
    folder.mkdir()
    checkpoint = Checkpoint.from_directory(folder)
    folder.rmdir()
    with pytest.raises(CheckpointMissing, match="soon gone"):
        use(checkpoint)


def test_a_copy_goes_where_the_user_says(source, files, tmp_path):
    folder = source()
    target = tmp_path / "new" / "place"
    assert Checkpoint(folder).to_directory(target) == str(target)
    assert files(target) == files(folder)


def test_a_copy_is_added_to_a_directory_that_is_there(source, files, tmp_path):
    target = tmp_path / "there"
    target.mkdir()
    (target / "mine").write_bytes(b"1")
    (target / "model.bin").write_bytes(b"old")
    folder = source()
    Checkpoint(folder).to_directory(target)
    assert files(target) == {**files(folder), "mine": b"1"}


def test_without_a_place_each_copy_gets_a_fresh_one(source, files, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = source()
    first, second = (Path(Checkpoint(folder).to_directory()) for _ in range(2))
    assert first != second
    assert first.parent == tmp_path
    assert files(first) == files(second) == files(folder)


def test_metadata_stand_beside_the_files(source):
    checkpoint = Checkpoint.from_directory(source())
    assert checkpoint.get_metadata() == {}
    checkpoint.set_metadata({"epoch": 1, "note": "ü"})
    checkpoint.update_metadata({"epoch": 2, "more": [1, None]})
    assert checkpoint.get_metadata() == {"epoch": 2, "note": "ü", "more": [1, None]}
    checkpoint.set_metadata({"only": True})
    assert Checkpoint(checkpoint.path).get_metadata() == {"only": True}


def test_metadata_travel_with_a_copy(source, tmp_path):
    checkpoint = Checkpoint.from_directory(source())
    checkpoint.set_metadata({"epoch": 1})
    assert Checkpoint(checkpoint.to_directory(tmp_path / "copy")).get_metadata() == {"epoch": 1}


def test_it_can_be_pickled(source):
    checkpoint = Checkpoint.from_directory(source())
    assert pickle.loads(pickle.dumps(checkpoint)) == checkpoint
