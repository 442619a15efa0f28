import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbtune.core.lease import Lease, Rule
from pbtune.errors import EngineBug
from pbtune.worker.protocol import (
    FRAME_BYTES_MAX,
    LENGTH,
    AwaitsSpace,
    Begin,
    Begun,
    Died,
    End,
    Errored,
    Finished,
    Proceed,
    Streamed,
    Unfit,
    decode_order,
    decode_said,
    framed,
    unframed,
)

bodies = st.lists(st.binary(max_size=40), max_size=6)


@given(bodies=bodies, data=st.data())
def test_frames_that_are_split_at_any_byte_come_out_whole_and_in_order(bodies, data):
    wire = b"".join(LENGTH.pack(len(body)) + body for body in bodies)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=8)))
    buffer, out = bytearray(), []
    for begin, end in zip([0, *cuts], [*cuts, len(wire)], strict=True):
        buffer += wire[begin:end]
        out += unframed(buffer)
    assert out == bodies
    assert buffer == b""


@given(bodies=bodies, tail=st.binary(max_size=20))
def test_half_a_frame_waits_for_its_rest(bodies, tail):
    last = LENGTH.pack(len(tail) + 1) + tail
    buffer = bytearray(b"".join(LENGTH.pack(len(body)) + body for body in bodies) + last)
    assert unframed(buffer) == bodies
    assert bytes(buffer) == last


def test_a_length_beyond_the_limit_is_a_broken_stream():
    with pytest.raises(EngineBug, match="frame of"):
        unframed(bytearray(LENGTH.pack(FRAME_BYTES_MAX + 1)))


@pytest.mark.parametrize(
    "message",
    [
        Streamed("t0", 1, 2, 3.0, 4.0, b"{}", {"loss": float("inf"), "done": False}),
        Finished("t0", 1, (("code", "text"),)),
        Errored("t0", 1, "KeyError", "'a'", "Traceback", fatal=True),
        Errored("t0", 1, "OSError", "full", "Traceback", lost=True),
        AwaitsSpace("t0", 1),
        Unfit(1, "threads"),
        Begun(3),
    ],
)
def test_what_a_worker_says_comes_back_as_it_was(message):
    (body,) = unframed(bytearray(framed(message)))
    assert decode_said(body) == message


@pytest.mark.parametrize(
    "order",
    [
        Begin("t0", 1, b"pickle", Lease((Rule("k", 2.0),)), 5, 6, 7.0, None, 8, is_copy=True),
        Proceed(1, Lease(every=True)),
        End(2),
    ],
)
def test_what_a_driver_orders_comes_back_as_it_was(order):
    (body,) = unframed(bytearray(framed(order)))
    assert decode_order(body) == order


def test_a_worker_cannot_say_that_it_died():
    (body,) = unframed(bytearray(framed(Died("t0", 1, "killed"))))
    with pytest.raises(msgspec.ValidationError):
        decode_said(body)
