import pickle

import numpy as np
import pytest

from pbtune.worker.payload import BUFFER_BYTES_MIN, mapped, memory_file, packed, unpacked


@pytest.fixture
def block():
    """Maps a packed object, as a template does; several times are several workers."""
    files = []

    def make(thing):
        file = memory_file()
        files.append(file)
        file.write(packed(thing, pickle.dumps))
        file.flush()
        return lambda: mapped(file.fileno())

    yield make
    for file in files:
        file.close()


def test_what_is_packed_is_unpacked_again(block):
    thing = {"n": 3, "small": np.arange(3), "large": np.arange(5000), "text": "x" * 9000}
    again = unpacked(block(thing)())
    assert again["n"] == 3
    assert again["text"] == thing["text"]
    assert again["small"].tolist() == [0, 1, 2]
    assert (again["large"] == thing["large"]).all()


def test_a_large_array_is_a_part_of_the_block_and_no_copy(block):
    data = block({"large": np.zeros(BUFFER_BYTES_MIN, np.uint8)})()
    large = unpacked(data)["large"]
    at = data.find(b"\0" * BUFFER_BYTES_MIN)
    large[-1] = 7
    assert 7 in data[at : at + 2 * BUFFER_BYTES_MIN]


def test_what_one_worker_writes_no_other_sees(block):
    make = block({"large": np.zeros(5000)})
    first, second = unpacked(make()), unpacked(make())
    first["large"][:] = 1
    assert second["large"].sum() == 0
    assert unpacked(make())["large"].sum() == 0


def test_an_array_that_was_read_only_stays_so(block):
    data = np.zeros(5000)
    data.flags.writeable = False
    again = unpacked(block([data, np.zeros(5000)])())
    assert [it.flags.writeable for it in again] == [False, True]


@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_keep_their_layout_and_are_aligned(block, order):
    data = np.asarray(np.random.default_rng(1).random((70, 80)), order=order)
    one, two = unpacked(block([np.zeros(4099, np.uint8), data])())
    assert (two == data).all()
    assert two.flags[f"{order}_CONTIGUOUS"]
    assert one.ctypes.data % 64 == two.ctypes.data % 64 == 0


def test_a_slice_that_is_not_contiguous_is_packed_too(block):
    data = np.arange(40000).reshape(200, 200)[::2, ::3]
    assert (unpacked(block(data)()) == data).all()


def test_where_the_system_has_no_memory_files_a_temporary_one_does(block, monkeypatch):
    monkeypatch.delattr("os.memfd_create")
    assert unpacked(block({"x": 1})()) == {"x": 1}
