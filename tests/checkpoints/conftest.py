"""Directories of files to be saved."""

import pytest

SMALL = {"model.bin": b"\x00weights\xff", "inner/deep/state.json": b"{}", "empty": b""}


@pytest.fixture
def files():
    """What a directory holds: {relative path: bytes}."""

    def read(folder):
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }

    return read


@pytest.fixture
def source(tmp_path):
    """Makes directories that a user could hand over."""

    def make(name="source", content=SMALL):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        for path, data in content.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
        return folder

    return make
