"""A run folder belongs to one run."""

import errno
import os
import stat
from datetime import datetime

import pytest

from pbtune.driver import run_folder
from pbtune.driver.run_folder import claim, default_name
from pbtune.errors import StorageUnwritable


def test_a_free_name_is_taken_and_its_root_is_made(tmp_path):
    root = tmp_path / "a" / "b"
    assert claim(root, "run") == root / "run"
    assert (root / "run").is_dir()


def test_a_taken_name_gets_the_next_free_number(tmp_path):
    names = [claim(tmp_path, "run").name for _ in range(3)]
    assert names == ["run", "run_1", "run_2"]


def test_a_file_of_that_name_is_left_alone(tmp_path):
    (tmp_path / "run").write_text("mine")
    assert claim(tmp_path, "run").name == "run_1"
    assert (tmp_path / "run").read_text() == "mine"


def test_a_run_is_its_owners_alone(tmp_path):
    assert stat.S_IMODE(claim(tmp_path, "run").stat().st_mode) == 0o700


def test_a_root_that_is_a_file_is_named_with_what_to_set(tmp_path):
    root = tmp_path / "file"
    root.write_text("")
    with pytest.raises(StorageUnwritable, match=r"RunConfig\(storage_path=\.\.\.\)") as caught:
        claim(root, "run")
    assert str(root) in str(caught.value)
    assert "PBTUNE_STORAGE" in str(caught.value)


@pytest.mark.parametrize("fault", [errno.EACCES, errno.ENOSPC, errno.EROFS])
def test_a_folder_that_cannot_be_made_is_named_with_the_reason(tmp_path, monkeypatch, fault):
    def refuse(self, *args, **kwargs):
        if self.name == "run":
            raise OSError(fault, os.strerror(fault))

    monkeypatch.setattr(run_folder.Path, "mkdir", refuse)
    with pytest.raises(StorageUnwritable, match=os.strerror(fault)) as caught:
        claim(tmp_path, "run")
    assert str(tmp_path / "run") in str(caught.value)


def test_a_folder_without_the_right_to_write_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(run_folder.os, "access", lambda path, mode: False)
    with pytest.raises(StorageUnwritable, match="Permission denied"):
        claim(tmp_path, "run")


def test_a_name_that_is_taken_too_often_says_to_choose_another(tmp_path, monkeypatch):
    monkeypatch.setattr(run_folder, "_TRIES_MAX", 2)
    claim(tmp_path, "run")
    claim(tmp_path, "run")
    with pytest.raises(StorageUnwritable, match="2 runs named run: choose another name"):
        claim(tmp_path, "run")


def test_a_default_name_is_the_functions_with_the_date():
    at = datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001  the user's own time zone is meant
    assert default_name("train", at.timestamp()) == "train_2026-01-02_03-04-05"
