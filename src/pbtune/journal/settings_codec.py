"""A run's settings as plain JSON, and back: so that decisions can be recomputed without the script.

Only structs of pbtune's core come back as objects; the user's callables come back as names, which
``verify`` never has to call, because what they gave is recorded.
"""

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Final, cast, final

import msgspec

from pbtune.core.exact import decode_metrics, encode_metrics
from pbtune.core.objective import Objective
from pbtune.core.schedulers.base import AbstractScheduler
from pbtune.core.settings import Settings
from pbtune.core.space import UserCalls
from pbtune.core.values import Ref, is_dict, is_list, is_tuple
from pbtune.errors import RunUnreadable

_STRUCT: Final = "struct"
_CALLABLE: Final = "callable"
_HOME: Final = "pbtune.core."


def encode_settings(settings: Settings) -> str:
    """The settings as JSON text, without the door to the user's callables."""
    return encode_metrics({"settings": _plain(settings)}).decode()


def decode_settings(text: str, user_calls: UserCalls) -> Settings:
    """The settings that ``encode_settings`` wrote, with another door.

    Raises:
        RunUnreadable: If they name a struct that isn't one of pbtune's core.
    """
    raw = decode_metrics(text)["settings"]
    settings = cast("Settings", _restored(raw))
    objective = msgspec.structs.replace(settings.objective, user_calls=user_calls)
    return msgspec.structs.replace(settings, objective=objective)


def _plain(value: object) -> object:  # noqa: PLR0911  one a type
    if isinstance(value, Ref):
        return value
    if isinstance(value, msgspec.Struct):
        fields = {name: getattr(value, name) for name in value.__struct_fields__}
        if isinstance(value, Objective):
            del fields["user_calls"]
        name = f"{type(value).__module__}:{type(value).__qualname__}"
        return {_STRUCT: name, **{key: _plain(item) for key, item in fields.items()}}
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        # In a list, since the user's own keys may be those that mark a struct.
        return {"dict": [[str(key), _plain(item)] for key, item in items]}
    if is_list(value):
        return [_plain(item) for item in value]
    if is_tuple(value):
        return tuple(_plain(item) for item in value)
    if callable(value):
        return {_CALLABLE: getattr(value, "__qualname__", type(value).__qualname__)}
    return value


@final
class Named:
    """Stands for one of the user's callables, which only the script has."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, *_args: object) -> object:
        """Not here.

        Raises:
            RunUnreadable: Always.
        """
        message = f"{self.name}() is in the user's script, and can't be called from the journal"
        raise RunUnreadable(message)

    def __repr__(self) -> str:
        """Its name."""
        return f"<{self.name}>"


def _restored(value: object) -> object:
    if is_list(value):
        return [_restored(item) for item in value]
    if is_tuple(value):
        return tuple(_restored(item) for item in value)
    if not is_dict(value):
        return value
    if "dict" in value:
        pairs = cast("list[tuple[str, object]]", value["dict"])
        return {key: _restored(item) for key, item in pairs}
    if _CALLABLE in value:
        return Named(str(value[_CALLABLE]))
    fields = {key: _restored(item) for key, item in value.items() if key != _STRUCT}
    build = _struct(str(value[_STRUCT]))
    if build is Objective:
        fields["user_calls"] = None
    return build(**fields)


def _struct(name: str) -> Callable[..., object]:
    module, _, qualname = name.partition(":")
    if not module.startswith(_HOME) or "." in qualname:
        return _of_users(name)
    found = getattr(importlib.import_module(module), qualname, None)
    if not (isinstance(found, type) and issubclass(found, msgspec.Struct)):
        message = f"the journal's settings name {name}, which this version of pbtune doesn't have"
        raise RunUnreadable(message)
    return found


def _of_users(name: str) -> Callable[..., object]:
    """A scheduler class that the user wrote, if it is imported already.

    A journal is data: what it names is not imported for it.
    """
    module, _, qualname = name.partition(":")
    found: object = sys.modules.get(module)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    if isinstance(found, type) and issubclass(found, AbstractScheduler):
        return found
    message = (
        f"the journal's settings name {name}, which is not part of pbtune's core: import the module"
        f" first if it is yours"
    )
    raise RunUnreadable(message)


def differences(old: str, new: str) -> list[tuple[str, str, str]]:
    """What differs between two encoded settings: ('/'-joined path, old, new), as text."""
    left, right = _flat(decode_metrics(old)["settings"]), _flat(decode_metrics(new)["settings"])
    names = list(dict.fromkeys([*left, *right]))
    absent = "(absent)"
    return [
        (name, left.get(name, absent), right.get(name, absent))
        for name in names
        if left.get(name, absent) != right.get(name, absent)
    ]


def _flat(value: object, path: str = "") -> dict[str, str]:
    if is_dict(value) and "dict" in value:
        pairs = cast("list[tuple[str, object]]", value["dict"])
        value = dict(pairs)
    if is_list(value) or is_tuple(value):
        value = {str(at): item for at, item in enumerate(value)}
    if not is_dict(value):
        return {path: repr(value)}
    flat: dict[str, str] = {}
    for key, item in value.items():
        flat.update(_flat(item, f"{path}/{key}" if path else key))
    return flat
