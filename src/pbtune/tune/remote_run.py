"""Runs whose storage is a URL: their journal is on this machine's disk, and its copy at the URL."""

import tempfile
from pathlib import Path

from pbtune.checkpoints.remote import Remote
from pbtune.driver.backing import BESIDE
from pbtune.driver.run_folder import DATABASE
from pbtune.errors import SettingsError
from pbtune.journal.backup import last_record
from pbtune.tune.urls import PATIENCE_S, local_root


def check_storage(url: str, executor: str) -> None:
    """Raise if workers couldn't reach a storage, or nobody can.

    Raises:
        SettingsError: If it is in this process's memory, and the workers aren't in this process.
        StorageUnreachable: If it doesn't take a file.
    """
    if url.startswith("memory://") and executor != "inline":
        message = (
            f"storage_path={url!r} is in this process's memory, where workers can't see it: give"
            f' another URL, or use pbtune.init(executor="inline")'
        )
        raise SettingsError(message)
    Remote(url, PATIENCE_S).check()


def is_run(url: str) -> bool:
    """Whether a run's journal is at a URL."""
    return DATABASE in Remote(url, PATIENCE_S).names()


def fetched(url: str) -> Path:
    """The local folder of a run at a URL, with the newest journal that is anywhere.

    Args:
        url: The run's own, "s3://bucket/runs/name".
    """
    root, _, name = url.rstrip("/").rpartition("/")
    run_dir = local_root(root) / name
    remote = Remote(url, PATIENCE_S)
    if DATABASE not in remote.names():
        return run_dir
    run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=run_dir, prefix=".tmp-journal-") as folder:
        copy = Path(folder, DATABASE)
        remote.download({DATABASE: str(copy)})
        if last_record(copy) > last_record(run_dir / DATABASE):
            for suffix in ("-wal", "-shm"):
                (run_dir / f"{DATABASE}{suffix}").unlink(missing_ok=True)
            copy.chmod(0o600)
            copy.replace(run_dir / DATABASE)
        beside = Path(folder, BESIDE)
        if not (run_dir / BESIDE).is_file() and BESIDE in remote.names():
            remote.download({BESIDE: str(beside)})
            beside.chmod(0o600)
            beside.replace(run_dir / BESIDE)
    return run_dir
