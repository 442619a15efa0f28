"""What travels by value is what was written: its code, and where it stands."""

import io
import pickle
import types

from pbtune.worker.by_value import dump, dumps


def made(source: str, filename: str) -> types.FunctionType:
    namespace: dict[str, object] = {"__name__": "__main__"}
    exec(compile(source, filename, "exec"), namespace)
    function = namespace["train"]
    assert isinstance(function, types.FunctionType)
    return function


def test_a_function_keeps_the_file_that_it_was_written_in():
    function = made("def train(x):\n    def inner():\n        return x\n    return inner\n", "u.py")
    copy = pickle.loads(dumps(function))
    assert copy is not function
    assert copy(3)() == 3
    assert copy.__code__.co_filename == "u.py"
    assert copy(3).__code__.co_filename == "u.py"
    assert copy.__code__.co_firstlineno == 1


def test_a_file_holds_the_same_as_the_bytes():
    function = made("def train():\n    return 7\n", "v.py")
    file = io.BytesIO()
    dump(function, file)
    assert pickle.loads(file.getvalue())() == 7


def test_large_buffers_can_stay_outside():
    buffers: list[pickle.PickleBuffer] = []
    body = dumps(pickle.PickleBuffer(bytearray(b"x" * 100)), 5, buffers.append)
    assert len(buffers) == 1
    assert bytes(pickle.loads(body, buffers=buffers)) == b"x" * 100
