import enum
import json
import math
from collections import OrderedDict
from types import MappingProxyType
from typing import get_args

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pbtune.core import decisions as d
from pbtune.core import events as e
from pbtune.core.exact import (
    decode_metrics,
    decode_record,
    decode_struct,
    encode_metrics,
    encode_record,
    encode_struct,
    flatten,
)
from pbtune.core.experiment import Experiment, Record
from pbtune.core.trial import Kept, Rank, Status, Trial
from pbtune.core.values import Ref
from pbtune.errors import EngineBug, MetricUnstorable

SURROGATES = st.text(st.characters(categories=("Cs", "Ll", "So")), max_size=4)
TEXT = st.text(max_size=5) | st.sampled_from(["$float", "$tuple", "$$", "null", '"$']) | SURROGATES
KEYS = st.text(max_size=5) | st.sampled_from(["$float", "$int", "$tuple", "$ref", "$str", "$"])
INTEGERS = st.integers() | st.sampled_from([2**63 - 1, 2**63, 2**64, -(2**63), -(2**63) - 1])
PLAIN = st.none() | st.booleans() | INTEGERS | st.floats() | TEXT
VALUES = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=3)
    ),
    max_leaves=8,
)
METRICS = st.dictionaries(KEYS, PLAIN, max_size=4) | st.dictionaries(KEYS, VALUES, max_size=4)


@given(METRICS)
@example({"loss": math.nan})
@example({"loss": -0.0})
@example({"text": "\ud83d\ude00"})
@example({"text": "\ud800"})
@example({"$float": {"$float": "nan"}})
@example({"nested": {"$tuple": [1]}})
def test_metrics_come_back_exactly_as_they_were_reported(metrics):
    # repr tells 1 from 1.0 and True, 0.0 from -0.0, lists from tuples, and knows NaN.
    assert repr(decode_metrics(encode_metrics(metrics))) == repr(metrics)


@given(METRICS)
def test_stored_metrics_are_json_that_other_readers_understand(metrics):
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    text = encode_metrics(metrics).decode()
    assert isinstance(json.loads(text, parse_constant=refuse), dict)
    assert repr(decode_metrics(text)) == repr(metrics)


def test_plain_metrics_are_plain_json_for_sql():
    assert encode_metrics({"acc": 0.5, "epoch": 3, "note": "ok", "best": False}) == (
        b'{"acc":0.5,"epoch":3,"note":"ok","best":false}'
    )
    assert encode_metrics({"nested": {"acc": [0.5, None]}}) == b'{"nested":{"acc":[0.5,null]}}'


def test_nan_never_becomes_null():
    assert encode_metrics({"loss": math.nan}) == b'{"loss":{"$float":"nan"}}'
    assert encode_metrics({"loss": None}) == b'{"loss":null}'


def test_integers_beyond_64_bits_are_text_in_json_since_many_readers_make_floats_of_them():
    assert encode_metrics({"n": 2**63}) == b'{"n":{"$int":"9223372036854775808"}}'
    assert encode_metrics({"n": -(2**63)}) == b'{"n":-9223372036854775808}'


def values_of(kind: type) -> st.SearchStrategy:
    """Any value that a record's field may have."""
    if kind in {object, e.Observed}:
        return VALUES if kind is object else PLAIN
    if kind is float:
        return st.floats()
    if kind is int:
        return st.integers(-(2**63), 2**63 - 1)
    if kind is str:
        return TEXT
    return st.from_type(kind)


def records_of(kind: type) -> st.SearchStrategy[Record]:
    types = {field.name: field.type for field in msgspec.structs.fields(kind)}
    fields = {name: FIELDS[name] if name in FIELDS else values_of(types[name]) for name in types}
    return st.builds(kind, **fields)


CONFIGS = st.dictionaries(KEYS, VALUES | st.builds(Ref, KEYS), max_size=3)
FIELDS = {
    "observed": st.dictionaries(KEYS, PLAIN, max_size=3),
    "config": CONFIGS,
    "old_config": CONFIGS,
    "evaluated": CONFIGS,
    "operations": st.dictionaries(KEYS, TEXT, max_size=3),
    "checkpoint": TEXT,
    "checkpoints": st.lists(TEXT, max_size=3).map(tuple),
}
FIELDS["reports"] = st.lists(records_of(e.Report), min_size=1, max_size=2).map(tuple)
KINDS = sorted(get_args(Record), key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", KINDS)
def test_records_come_back_exactly_as_they_were(kind):
    @settings(max_examples=40)
    @given(records_of(kind))
    def check(record: Record) -> None:
        assert repr(decode_record(encode_record(record))) == repr(record)
        assert repr(decode_record(encode_record(record).decode())) == repr(record)

    check()


def test_a_record_of_plain_values_is_plain_json_with_its_kind():
    assert encode_record(d.Skipped("t0", "every score is NaN")) == (
        b'{"kind":"skipped","trial":"t0","reason":"every score is NaN"}'
    )
    assert encode_record(d.Created("t0", 0, {"lr": 0.1})) == (
        b'{"kind":"created","trial":"t0","index":0,"config":{"lr":0.1},"evaluated":{},"bracket":0}'
    )


@pytest.mark.parametrize(
    "body",
    [b'{"kind":"unheard"}', b'{"kind":"opened"', '{"kind":"opened"}', b'{"kind":"$unheard"}'],
)
def test_a_record_that_this_version_cannot_read_is_named_whole(body):
    with pytest.raises(EngineBug, match="can't read") as caught:
        decode_record(body)
    assert caught.value.story == (body if isinstance(body, str) else body.decode())


class Phase(enum.IntEnum):
    WARM = 3


class Colour(str, enum.Enum):
    RED = "red"


class Precise(float):
    """A subclass of float."""


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.float64(0.5), 0.5),
        (np.float32(math.inf), math.inf),
        (np.int64(3), 3),
        (np.uint64(2**64 - 1), 2**64 - 1),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.array(1.5), 1.5),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (Phase.WARM, 3),
        (Colour.RED, "red"),
        (Precise(0.5), 0.5),
        (OrderedDict(a=1), {"a": 1}),
        (MappingProxyType({"a": (1,)}), {"a": (1,)}),
    ],
)
def test_numbers_and_text_in_other_wrappings_are_stored_as_what_they_are(value, plain):
    assert repr(decode_metrics(encode_metrics({"x": value}))) == repr({"x": plain})


def test_metrics_may_be_any_mapping_with_any_kind_of_text_as_keys():
    metrics = MappingProxyType({Colour.RED: 1, np.str_("$x"): 2.0})
    assert decode_metrics(encode_metrics(metrics)) == {"red": 1, "$x": 2.0}


class Tensor:
    """Something that JSON can't hold."""


@pytest.mark.parametrize(
    ("metrics", "path", "kind"),
    [
        ({"loss": Tensor()}, "loss", "Tensor"),
        ({"eval": {"losses": [1, Tensor()]}}, "eval/losses/1", "Tensor"),
        ({"pair": (Tensor(), 1)}, "pair/0", "Tensor"),
        ({"wave": 1j}, "wave", "builtins.complex"),
        ({"raw": b"bytes"}, "raw", "builtins.bytes"),
        ({"seen": {1}}, "seen", "builtins.set"),
        ({"wave": np.complex128(1j)}, "wave", "numpy.complex128"),
        ({"day": np.datetime64("2020-01-01")}, "day", "numpy.datetime64"),
        ({"many": np.array([Tensor()])}, "many/0", "Tensor"),
        ({"dtype": np.dtype("int8")}, "dtype", "Int8DType"),
    ],
)
def test_what_cannot_come_back_is_refused_with_its_place_and_type(metrics, path, kind):
    with pytest.raises(MetricUnstorable, match=f"{path!r} of type .*{kind}, which"):
        encode_metrics(metrics)


@pytest.mark.parametrize(
    ("metrics", "where"),
    [
        ({1: 0.5}, "the key 1 in its metrics"),
        ({"a": {None: 1}}, "the key None in a"),
        ({"\ud800": 0.5}, "in its metrics"),
    ],
)
def test_keys_that_are_no_text_are_refused(metrics, where):
    with pytest.raises(MetricUnstorable, match=where):
        encode_metrics(metrics)


def test_nested_metrics_are_flattened_with_slashes():
    nested = {"eval": {"loss": 1, "by": {"class": [2]}, "none": {}}, "acc": 3}
    assert flatten(nested) == {"eval/loss": 1, "eval/by/class": [2], "eval/none": {}, "acc": 3}


@given(st.dictionaries(KEYS, VALUES, max_size=3), st.floats(), st.sampled_from(Status))
@example({"model": Ref("model"), "pair": (1, [2])}, math.nan, Status.PAUSED)
@example({}, -math.inf, Status.DONE)
def test_a_state_comes_back_exactly(config, score, status):
    rank = Rank(score, 1, score, 0.5, config, "t0/checkpoint_000000", scores=(score, 1.0))
    trial = Trial("t0", 0, config, status, slot=None, rank=rank, kept=(Kept("c", score),))
    state = Experiment({"t0": trial}, best_score=score, history=(), garbage=("d",))
    assert repr(decode_struct(encode_struct(state), Experiment)) == repr(state)
    assert decode_struct(encode_struct(Experiment()), Experiment) == Experiment()


def test_a_state_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="Expected `object`"):
        decode_struct(b'{"trials":{"t0":1}}', Experiment)
