"""The one JSON that pbtune writes: exact, where JSON by itself is not.

NaN, infinities, integers beyond 64 bits, lone surrogates, tuples and ``Ref`` are written as tagged
objects ({"$float": "nan"}); a key of the user's that begins with "$" gets a second one. Plain data
stays plain JSON, so that SQL can read it. msgspec alone would turn NaN into null silently.
"""

import math
import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final, TypeVar, cast

import msgspec

from pbtune.core import decisions as d
from pbtune.core import events as e
from pbtune.core.experiment import Record
from pbtune.core.values import Ref, is_list, is_numpy_scalar, is_plain_dict, is_tuple
from pbtune.errors import EngineBug, MetricUnstorable

VERSION: Final = 1
"""Of the records' format; stored beside each of them."""
_INT_MIN, _INT_MAX = -(1 << 63), (1 << 63) - 1
_SURROGATES: Final = re.compile("[\ud800-\udfff]")
_SUSPECT: Final = (b"null", b'"$')
"""A body without these needed no tag. None is written as null too, so it is only a suspicion."""
_WITH_CONFIG: Final = (d.Created, d.Exploited, d.Restarted, e.Rewound)

S = TypeVar("S", bound=msgspec.Struct)

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder().decode
_decode_record: Final = msgspec.json.Decoder(Record).decode


def encode_metrics(metrics: Mapping[str, object]) -> bytes:
    """The exact JSON of reported metrics, as UTF-8.

    Raises:
        MetricUnstorable: If a value is of a type that wouldn't come back as it was; it is named.
    """
    if _is_simple(metrics):
        try:
            body = _encode(metrics)
        except UnicodeEncodeError:
            return _encode(_tagged(metrics, ""))
        if _SUSPECT[0] not in body and _SUSPECT[1] not in body:
            return body
    return _encode(_tagged(metrics, ""))


def _is_simple(metrics: Mapping[str, object]) -> bool:
    """Whether all values are of types that msgspec writes exactly, but for NaN and infinities."""
    if not is_plain_dict(metrics):
        return False
    for key, value in metrics.items():
        kind = type(value)
        if kind is int:
            if not _INT_MIN <= cast("int", value) <= _INT_MAX:
                return False
        elif kind is not float and kind is not bool and kind is not str:
            return False
        if type(key) is not str:
            return False
    return True


def decode_metrics(body: bytes | str) -> dict[str, object]:
    """The metrics as they were reported; numpy's scalars as plain numbers, arrays as lists."""
    text = body.encode() if isinstance(body, str) else body
    raw = _decode(text)
    return cast("dict[str, object]", _untagged(raw) if b'"$' in text else raw)


def encode_record(record: Record) -> bytes:
    """The exact JSON of a record, with its kind."""
    if not isinstance(record, _WITH_CONFIG):
        try:
            body = _encode(record)
        except UnicodeEncodeError:
            return _encode(_struct(record))
        if _SUSPECT[0] not in body and _SUSPECT[1] not in body:
            return body
    return _encode(_struct(record))


def decode_record(body: bytes | str) -> Record:
    """The record as it was.

    Raises:
        EngineBug: If it is no record of a kind that this version knows.
    """
    text = body.encode() if isinstance(body, str) else body
    try:
        if b'"$' not in text:
            return _decode_record(text)
        return msgspec.convert(_untagged(_decode(text)), Record)
    except msgspec.MsgspecError as error:
        what = f"the journal has a record that this version can't read ({error})"
        raise EngineBug(what, text.decode(errors="replace")) from error


def encode_struct(value: msgspec.Struct) -> bytes:
    """The exact JSON of a struct of the core's, with the structs inside it."""
    return _encode(_struct(value))


def decode_struct(body: bytes | str, kind: type[S]) -> S:
    """The struct as it was.

    Raises:
        ValueError: If it has another shape.
    """
    return msgspec.convert(_untagged(_decode(body)), kind)


def _struct(value: msgspec.Struct) -> dict[str, object]:
    """A record as builtins; its own tuples are lists, those inside configs are tagged."""
    config = type(value).__struct_config__
    tag = {} if config.tag_field is None else {config.tag_field: cast("object", config.tag)}
    fields = {name: _field(getattr(value, name)) for name in value.__struct_fields__}
    return {**tag, **fields}


def _field(value: object) -> object:
    if is_tuple(value):
        return [_field(item) for item in value]
    if isinstance(value, msgspec.Struct) and not isinstance(value, Ref):
        return _struct(value)
    if isinstance(value, Enum):
        return value.value
    if is_plain_dict(value) and any(_is_own(item) for item in value.values()):
        return {key: _field(item) for key, item in value.items()}
    return _tagged(value, "")


def _is_own(value: object) -> bool:
    """Whether a value is a struct of ours; in a config only ``Ref`` is one."""
    return isinstance(value, msgspec.Struct) and not isinstance(value, Ref)


def _tagged(value: object, path: str) -> object:  # noqa: PLR0911  one return a type
    kind = type(value)
    if value is None or kind is bool:
        return value
    if kind is float:
        number = cast("float", value)
        return number if math.isfinite(number) else {"$float": repr(number)}
    if kind is int:
        integer = cast("int", value)
        return integer if _INT_MIN <= integer <= _INT_MAX else {"$int": str(integer)}
    if kind is str:
        text = cast("str", value)
        if _SURROGATES.search(text) is None:
            return text
        # Not UTF-16: it would join two lone surrogates that happen to be neighbours.
        return {"$str": text.encode("utf-8", "surrogatepass").hex()}
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        return {_key(key, path): _tagged(item, _joined(path, key)) for key, item in items}
    if is_list(value):
        return [_tagged(item, _joined(path, at)) for at, item in enumerate(value)]
    if is_tuple(value):
        return {"$tuple": [_tagged(item, _joined(path, at)) for at, item in enumerate(value)]}
    return _tagged_object(value, path)


def _tagged_object(value: object, path: str) -> object:
    if isinstance(value, Ref):
        return {"$ref": value.path}
    if is_numpy_scalar(value):
        plain = cast("Any", value).item()
        if type(plain) in {float, int, bool, str}:
            return _tagged(plain, path)
    elif type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        return _tagged(cast("Any", value).tolist(), path)
    # A subclass, such as an IntEnum: stored as the plain value that it is. Its own __str__ may
    # give another one: str(Colour.RED) is "Colour.RED".
    if isinstance(value, int):
        return _tagged(int.__int__(value), path)
    if isinstance(value, float):
        return _tagged(float.__float__(value), path)
    if isinstance(value, str):
        return _tagged(str.__str__(value), path)
    shown = f"{type(value).__module__}.{type(value).__qualname__}"
    message = (
        f"report() got {path!r} of type {shown}, which can't be stored. Report numbers, text,"
        f" booleans, None, and lists or dicts of them; of a tensor, report value.item()."
    )
    raise MetricUnstorable(message)


def _joined(path: str, key: object) -> str:
    return f"{path}/{key}" if path else str(key)


def _key(key: object, path: str) -> str:
    if not isinstance(key, str) or _SURROGATES.search(key):
        message = f"report() got the key {key!r} in {path or 'its metrics'}: keys must be text"
        raise MetricUnstorable(message)
    plain = str.__str__(key)
    return f"${plain}" if plain.startswith("$") else plain


def _untagged(value: object) -> object:
    if isinstance(value, list):
        return [_untagged(item) for item in cast("list[object]", value)]
    if not isinstance(value, dict):
        return value
    items = cast("dict[str, object]", value)
    if len(items) == 1:
        ((key, inner),) = items.items()
        if key in _UNTAG:
            return _UNTAG[key](inner)
    return {key.removeprefix("$"): _untagged(item) for key, item in items.items()}


def _text(units: str) -> str:
    return bytes.fromhex(units).decode("utf-8", "surrogatepass")


def _tuple(parts: list[object]) -> tuple[object, ...]:
    return tuple(_untagged(part) for part in parts)


_UNTAG: Final[dict[str, Any]] = {
    "$float": float,
    "$int": int,
    "$str": _text,
    "$tuple": _tuple,
    "$ref": Ref,
}


def flatten(value: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Nested dicts as one, keys joined by '/', as Tune does."""
    flat: dict[str, object] = {}
    for key, item in value.items():
        if isinstance(item, Mapping) and item:
            flat.update(flatten(cast("Mapping[str, object]", item), f"{prefix}{key}/"))
        else:
            flat[f"{prefix}{key}"] = item
    return flat
