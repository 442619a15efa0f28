import collections

import numpy as np
import pytest

from pbtune.core.values import (
    Ref,
    is_numpy_scalar,
    looks_secret,
    resolved,
    stored,
    unboxed,
)


class Dataset:
    """An object that JSON can't hold."""


class Limits(collections.namedtuple("Limits", "low high")):  # noqa: PYI024  what users write
    __slots__ = ()


@pytest.mark.parametrize("value", [np.float32(0.5), np.int64(3), np.bool_(True), np.str_("a")])
def test_numpys_scalars_are_stored_as_plain_values(value):
    assert is_numpy_scalar(value)
    plain = stored(value, "lr", {})
    assert plain == value
    assert type(plain) in {float, int, bool, str}
    assert type(unboxed(value)) is type(plain)


@pytest.mark.parametrize("value", [1.0, "text", np.zeros(2), np, None])
def test_other_values_are_no_numpy_scalars(value):
    assert not is_numpy_scalar(value)
    assert unboxed(value) is value


@pytest.mark.parametrize(
    "value", [1, 0.5, True, None, "x", Ref("a"), [1, (2, [3])], {"a": {"b": (1, 2)}}, {}, [], ()]
)
def test_plain_configs_are_stored_as_they_are(value):
    objects = {}
    assert stored(value, "config", objects) == value
    assert objects == {}


def test_storing_makes_new_containers_so_that_nobody_else_can_change_them():
    config = {"layers": [1, 2]}
    copied = stored(config, "config", {})
    config["layers"].append(3)
    assert copied == {"layers": [1, 2]}


def test_an_object_is_replaced_by_its_place_and_put_back_by_it():
    dataset, objects = Dataset(), {}
    config = {"data": dataset, "models": [Dataset, (1, dataset)], "lr": 0.1}
    plain = stored(config, "space", objects)
    assert plain == {
        "data": Ref("space/data"),
        "models": [Ref("space/models/0"), (1, Ref("space/data"))],
        "lr": 0.1,
    }
    assert objects == {"space/data": dataset, "space/models/0": Dataset}
    assert resolved(plain, objects) == config


def test_an_object_that_is_known_keeps_its_name():
    dataset, other = Dataset(), Dataset()
    objects = {"other": other, "space/data": dataset}
    assert stored(dataset, "explored/data", objects) == Ref("space/data")
    assert objects == {"other": other, "space/data": dataset}


@pytest.mark.parametrize("value", [{1: "a"}, collections.OrderedDict(a=1), Limits(1, 2), {1, 2}])
def test_containers_that_json_would_change_are_kept_as_objects(value):
    objects = {}
    assert stored(value, "limits", objects) == Ref("limits")
    assert objects["limits"] is value
    assert resolved(Limits(1, 2), {}) == Limits(1, 2)


@pytest.mark.parametrize(
    ("path", "value", "is_secret"),
    [
        ("api_key", "k", True),
        ("login/password", "p", True),
        ("Authorization", b"Bearer", True),
        ("db_pwd", "p", True),
        ("tokens/0", "t", True),
        ("password", 1234, True),
        ("passphrase", True, False),
        ("max_tokens", 512, False),
        ("tokenizer", "bpe", False),
        ("author", "Ada", False),
        ("forwpwder", "x", False),
        ("token", None, False),
        ("lr", "text", False),
    ],
)
def test_secrets_are_known_by_their_names(path, value, is_secret):
    assert looks_secret(path, value) == is_secret


def test_a_secret_is_stored_as_its_place_and_comes_back():
    objects = {}
    config = {"lr": 0.1, "login": {"password": "p", "user": "u"}, "again": "p"}
    plain = stored(config, "", objects)
    assert plain == {
        "lr": 0.1,
        "login": {"password": Ref("/login/password"), "user": "u"},
        "again": "p",
    }
    assert resolved(plain, objects) == config
    assert stored(objects["/login/password"], "0/token", objects) == Ref("/login/password")
