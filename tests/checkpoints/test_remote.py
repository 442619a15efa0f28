"""Checkpoints at a URL: in fsspec's memory, and on a server that speaks S3's protocol."""

import uuid
from pathlib import Path

import pytest

from pbtune.checkpoints.remote import Remote
from pbtune.checkpoints.remote_store import FsspecStore
from pbtune.errors import CheckpointMissing, SettingsError, StorageUnreachable
from pbtune.testing.contracts import CheckpointStoreContract

FILES = {"model.bin": b"\x00weights", "inner/state.json": b"{}"}


def written(folder):
    for name, data in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def held(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def url():
    import fsspec

    name = f"/{uuid.uuid4().hex}"
    yield f"memory:/{name}"
    filesystem = fsspec.filesystem("memory")
    if filesystem.exists(name):
        filesystem.rm(name, recursive=True)


@pytest.fixture(scope="module")
def bucket():
    """A URL in a bucket of a server on loopback that ends with the module."""
    pytest.importorskip("s3fs", reason="S3 needs s3fs: pip install s3fs")
    server = pytest.importorskip("moto.server", reason="the tests' S3 needs moto[server]")
    import s3fs

    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    running.start()
    _, port = running.get_host_and_port()
    import fsspec.config

    fsspec.config.conf["s3"] = {
        "endpoint_url": f"http://127.0.0.1:{port}",
        "key": "test",
        "secret": "test",
        "skip_instance_cache": True,
    }
    # All servers of one process share what they hold.
    name = f"population-{uuid.uuid4().hex[:8]}"
    s3fs.S3FileSystem().mkdir(name)
    yield f"s3://{name}"
    fsspec.config.conf.pop("s3")
    running.stop()


class TestInMemory(CheckpointStoreContract):
    @pytest.fixture
    def store(self, tmp_path, url):
        return FsspecStore(Remote(url), tmp_path / "cache")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
class TestOnS3(CheckpointStoreContract):
    @pytest.fixture
    def store(self, tmp_path, bucket):
        return FsspecStore(Remote(f"{bucket}/{uuid.uuid4().hex}"), tmp_path / "cache")


def test_another_machine_fetches_what_it_doesnt_have(url, tmp_path):
    committed = FsspecStore(Remote(url), tmp_path / "one").commit_directory(
        "t0", written(tmp_path / "a"), 0
    )
    path = FsspecStore(Remote(url), tmp_path / "two").path_of(committed.id)
    assert path == tmp_path / "two" / committed.id
    assert held(path) == FILES


def test_two_machines_never_give_the_same_name(url, tmp_path):
    source = written(tmp_path / "a")
    one = FsspecStore(Remote(url), tmp_path / "one").commit_directory("t0", source, 3)
    two = FsspecStore(Remote(url), tmp_path / "two").commit_directory("t0", source, 3)
    assert (one.number, two.number) == (3, 4)


class Flaky:
    """A file system of which one method fails some times."""

    def __init__(self, remote, method, times, error=ConnectionError):
        self.inner, self.method = remote.fs, method
        self.left, self.error = times, error
        self.calls = []
        remote.fs = self

    def __getattr__(self, name):
        def call(*args, **kwargs):
            self.calls.append(name)
            if name == self.method and self.left:
                self.left -= 1
                raise self.error("injected")
            return getattr(self.inner, name)(*args, **kwargs)

        return call


@pytest.mark.parametrize("method", ["ls", "put", "pipe_file"])
def test_a_storage_that_fails_for_a_while_is_waited_for_and_nothing_is_lost(url, tmp_path, method):
    pauses = []
    remote = Remote(url, sleep=pauses.append)
    Flaky(remote, method, 12)
    store = FsspecStore(remote, tmp_path / "cache")
    committed = store.commit_directory("t0", written(tmp_path / "a"), 0)
    assert store.verify(committed) is None
    assert len(pauses) == 12
    assert pauses == sorted(pauses)
    assert pauses[-1] == 10.0


def test_patience_ends_with_a_named_error(url, tmp_path):
    remote = Remote(url, patience_s=1.0, sleep=lambda _: None)
    Flaky(remote, "pipe_file", 99)
    store = FsspecStore(remote, tmp_path / "cache")
    with pytest.raises(StorageUnreachable, match=r"memory://.* can't be reached: injected"):
        store.commit_directory("t0", written(tmp_path / "a"), 0)


def test_a_refusal_is_not_tried_again(url):
    remote = Remote(url, sleep=lambda _: pytest.fail("waited"))
    Flaky(remote, "pipe_file", 1, PermissionError)
    with pytest.raises(StorageUnreachable, match="can't be stored at"):
        remote.check()


def test_without_its_manifest_it_is_no_checkpoint(url, tmp_path):
    remote = Remote(url, patience_s=0.0, sleep=lambda _: None)
    flaky = Flaky(remote, "pipe_file", 1)
    store = FsspecStore(remote, tmp_path / "cache")
    with pytest.raises(StorageUnreachable):
        store.commit_directory("t0", written(tmp_path / "a"), 0)
    assert flaky.calls.index("put") < flaky.calls.index("pipe_file")
    assert not list(tmp_path.glob("cache/t0/checkpoint_*"))
    with pytest.raises(CheckpointMissing, match="is not at"):
        store.path_of("t0/checkpoint_000000")
    assert store.sweep([]) == ["t0/checkpoint_000000"]


def test_a_changed_file_is_found_when_it_is_fetched(url, tmp_path):
    remote = Remote(url)
    store = FsspecStore(remote, tmp_path / "one")
    committed = store.commit_directory("t0", written(tmp_path / "a"), 0)
    remote.write(f"{committed.id}/model.bin", b"\x00weightz")
    with pytest.raises(CheckpointMissing, match="is not what was committed"):
        FsspecStore(remote, tmp_path / "two").path_of(committed.id)
    remote.write(f"{committed.id}/model.bin", b"short")
    assert "5 bytes, not 8" in store.verify(committed)


def test_a_checkpoint_is_deleted_manifest_first(url, tmp_path):
    remote = Remote(url)
    store = FsspecStore(remote, tmp_path / "one")
    committed = store.commit_directory("t0", written(tmp_path / "a"), 0)
    Flaky(remote, "rm", 0)
    store.delete(committed.id)
    assert store.verify(committed) == "its manifest is missing, or not whole"
    assert remote.names("t0") == {}


def test_a_url_that_nothing_can_open_is_named():
    with pytest.raises(SettingsError, match="can't be opened"):
        Remote("nosuch://bucket")


def test_a_manifest_that_leads_out_of_the_folder_is_refused(url, tmp_path):
    remote = Remote(url)
    committed = FsspecStore(remote, tmp_path / "one").commit_directory(
        "t0", written(tmp_path / "a"), 0
    )
    name = f"{committed.id}.json"
    body = remote.read(name).replace(b"model.bin", b"../../bin")
    remote.write(name, body)
    with pytest.raises(CheckpointMissing, match="names a file"):
        FsspecStore(remote, tmp_path / "two").path_of(committed.id)
    assert not Path(tmp_path / "two" / "bin").exists()
