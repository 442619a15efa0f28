import os
import sys

import pytest

from pbtune.checkpoints import copying, moving, store
from pbtune.checkpoints.store import LocalStore


@pytest.fixture
def pauses(monkeypatch):
    made = []
    monkeypatch.setattr(moving.time, "sleep", made.append)
    return made


def denying(count):
    """A rename that somebody's open file keeps from working so many times."""
    real, left = os.rename, [count]

    def rename(source, target):
        if left[0]:
            left[0] -= 1
            raise PermissionError(13, "The process cannot access the file")
        real(source, target)

    return rename


def test_a_rename_waits_until_nobody_has_the_folder_open(tmp_path, pauses, monkeypatch):
    (tmp_path / "a").mkdir()
    monkeypatch.setattr(os, "rename", denying(3))
    moving.rename_when_free(str(tmp_path / "a"), str(tmp_path / "b"))
    assert pauses == [0.01, 0.02, 0.05]
    assert (tmp_path / "b").is_dir()


def test_a_rename_that_never_works_raises_in_the_end(tmp_path, pauses, monkeypatch):
    monkeypatch.setattr(os, "rename", denying(100))
    with pytest.raises(PermissionError):
        moving.rename_when_free(str(tmp_path / "a"), str(tmp_path / "b"))
    assert sum(pauses) < 1.0


def test_a_name_that_is_taken_is_not_waited_for(tmp_path, pauses):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "file").touch()
    with pytest.raises(OSError, match="not empty"):
        moving.rename_when_free(str(tmp_path / "a"), str(tmp_path / "b"))
    assert pauses == []


def test_on_windows_a_checkpoint_that_somebody_reads_is_left_to_the_next_sweep(
    tmp_path, monkeypatch
):
    (tmp_path / "t0" / "checkpoint_000001").mkdir(parents=True)
    held = LocalStore(tmp_path)
    monkeypatch.setattr(store, "rename", denying(1))
    with pytest.raises(PermissionError):
        held.delete("t0/checkpoint_000001")
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(store, "rename", denying(1))
    held.delete("t0/checkpoint_000001")
    assert held.sweep(known=()) == ["t0/checkpoint_000001"]
    assert not (tmp_path / "t0" / "checkpoint_000001").exists()


def test_on_windows_files_that_are_read_only_are_deleted_too(tmp_path, monkeypatch):
    folder = tmp_path / "folder"
    (folder / "inner").mkdir(parents=True)
    for file in (folder / "a", folder / "inner" / "b"):
        file.touch(mode=0o444)
    real = os.unlink

    def unlink(path, **options):
        if not os.stat(path, **options).st_mode & 0o200:  # noqa: PTH116  as it is given
            raise PermissionError(13, "Access is denied")
        real(path, **options)

    monkeypatch.setattr(os, "unlink", unlink)
    with pytest.raises(PermissionError):
        copying.remove_tree(str(folder))
    monkeypatch.setattr(sys, "platform", "win32")
    copying.remove_tree(str(folder))
    assert not folder.exists()
