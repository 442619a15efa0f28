"""With ``durability="power"`` nothing that was committed is lost with the power."""

from pathlib import Path

import pytest

from pbtune.checkpoints import copying
from pbtune.checkpoints import store as module
from pbtune.checkpoints.store import LocalStore
from pbtune.testing.power import Ledger

MIB = 1 << 20


@pytest.fixture
def run_dir(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    return folder


def write_state(folder):
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "state").write_bytes(b"small")
    (folder / "deep" / "er" / "weights").write_bytes(bytes(2 * MIB))


def copied(store, ledger, tmp_path):
    write_state(tmp_path / "source")
    with ledger.watching():
        return [store.commit_directory("t0", tmp_path / "source", at) for at in (0, 1)]


def staged(store, ledger, tmp_path):
    del tmp_path
    committed = []
    for number in (0, 1):
        with ledger.watching():
            folder = store.stage("t0")
        write_state(folder)
        ledger.written(folder)
        with ledger.watching():
            committed.append(store.commit_staged("t0", folder, number))
    return committed


each_way = pytest.mark.parametrize("commit", [copied, staged])


@each_way
def test_a_committed_checkpoint_survives_a_loss_of_power(run_dir, tmp_path, commit):
    ledger = Ledger()
    committed = commit(LocalStore(run_dir, "power"), ledger, tmp_path)
    assert [it.number for it in committed] == [0, 1]
    assert ledger.torn == []
    assert ledger.losses(run_dir) == []


@each_way
def test_the_default_flushes_nothing(run_dir, tmp_path, commit):
    ledger = Ledger()
    commit(LocalStore(run_dir), ledger, tmp_path)
    assert str(run_dir / "t0") in ledger.losses(run_dir)
    assert len(ledger.torn) == 2


def no_flush_of_files(patch):
    # Of copied files and of staged ones.
    patch.setattr(module, "_sync_file", lambda _path: None)
    copy = copying._copy_file
    patch.setattr(
        copying, "_copy_file", lambda source, target, **_sync: copy(source, target, sync=False)
    )


def no_flush_of_their_names(patch):
    patch.setattr(copying, "sync_directory", lambda _path: None)
    sync = module.sync_directory
    patch.setattr(module, "sync_directory", lambda path: None if "tmp-" in path else sync(path))


def no_flush_of_the_new_name(patch):
    sync = module.sync_directory
    patch.setattr(
        module, "sync_directory", lambda path: None if path.endswith("/t0") else sync(path)
    )


def no_flush_of_the_trial_s_name(patch):
    sync = module.sync_directory
    patch.setattr(
        module, "sync_directory", lambda path: None if path.endswith("/run") else sync(path)
    )


@each_way
@pytest.mark.parametrize(
    ("fault", "is_torn"),
    [
        (no_flush_of_files, True),
        (no_flush_of_their_names, True),
        (no_flush_of_the_new_name, False),
        (no_flush_of_the_trial_s_name, False),
    ],
)
def test_the_ledger_finds_each_flush_that_is_left_out(
    run_dir, tmp_path, commit, fault, is_torn, monkeypatch
):
    fault(monkeypatch)
    ledger = Ledger()
    commit(LocalStore(run_dir, "power"), ledger, tmp_path)
    assert ledger.losses(run_dir) != []
    assert (ledger.torn != []) == is_torn


def test_what_is_outside_is_nobody_s_business(tmp_path):
    ledger = Ledger()
    with ledger.watching():
        Path(tmp_path, "a").mkdir()
    assert ledger.losses(tmp_path / "b") == []
    assert ledger.losses(tmp_path) == [str(tmp_path)]
