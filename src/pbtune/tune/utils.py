"""Tune's small helpers, under its names."""

import copy
import logging
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, cast

from pbtune.errors import SettingsError
from pbtune.tune.places import elsewhere
from pbtune.tune.resources import visible_gpus

logger = logging.getLogger(__name__)
_DELIMITER: Final = "/"
_STEPS: Final = 3

__all__ = [
    "date_str",
    "deep_update",
    "diagnose_serialization",
    "flatten_dict",
    "merge_dicts",
    "unflattened_lookup",
    "validate_save_restore",
    "wait_for_gpu",
    "warn_if_slow",
]


__path__: list[str] = []  # Ray has a package of this name; ``places`` finds its modules


def __getattr__(name: str) -> object:
    return elsewhere(__name__, name)


def date_str() -> str:
    """Now, as in the names of runs: "2026-11-29_04-30-00"."""
    return datetime.now().strftime("%Y-%m-%d_%H-%M-%S")  # noqa: DTZ005  local time, as in Tune


def flatten_dict(
    dt: Mapping[str, Any],
    delimiter: str = _DELIMITER,
    prevent_delimiter: bool = False,  # noqa: FBT001, FBT002  Tune's own signature
    flatten_list: bool = False,  # noqa: FBT001, FBT002
) -> dict[str, Any]:
    """Nested dicts as one dict with joined keys; empty dicts stay.

    Args:
        dt: The nested dict.
        delimiter: What joins keys.
        prevent_delimiter: Whether a key that holds the delimiter is an error.
        flatten_list: Whether lists are taken apart too, by index.

    Raises:
        SettingsError: If a key holds the delimiter and mustn't.
    """
    flat: dict[str, Any] = {}
    for key, value in dt.items():
        if prevent_delimiter and isinstance(key, str) and delimiter in key:  # pyright: ignore[reportUnnecessaryIsInstance]
            message = f"the key {key!r} holds {delimiter!r}, which joins the keys of nested dicts"
            raise SettingsError(message)
        inner: Any = value
        if flatten_list and isinstance(value, list):
            inner = {str(at): it for at, it in enumerate(cast("list[Any]", value))}
        if isinstance(inner, Mapping) and inner:
            below = flatten_dict(
                cast("Mapping[str, Any]", inner), delimiter, prevent_delimiter, flatten_list
            )
            flat.update({f"{key}{delimiter}{name}": it for name, it in below.items()})
        else:
            flat[key] = inner
    return flat


def unflattened_lookup(
    flat_key: str,
    lookup: Mapping[str, Any] | list[Any],
    delimiter: str = _DELIMITER,
    **kwargs: Any,  # noqa: ANN401  ``default``, which may be anything
) -> Any:  # noqa: ANN401  whatever stands there
    """The value under a joined key of nested dicts and lists.

    Args:
        flat_key: Such as "model/layers/0".
        lookup: The nested dict.
        delimiter: What joins keys.
        **kwargs: ``default=...``: what to give if there is no such key.

    Raises:
        KeyError: If there is none, and no default.
    """
    found: Any = lookup
    for key in flat_key.split(delimiter):
        try:
            found = found[int(key)] if isinstance(found, list) else found[key]
        except (KeyError, IndexError, TypeError, ValueError) as error:  # noqa: PERF203
            if "default" in kwargs:
                return kwargs["default"]
            raise KeyError(flat_key) from error
    return found


def merge_dicts(d1: Mapping[str, Any], d2: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of one nested dict with the values of another one laid over it."""
    return deep_update(copy.deepcopy(dict(d1)), d2, new_keys_allowed=True)


def deep_update(
    original: dict[str, Any],
    new_dict: Mapping[str, Any],
    new_keys_allowed: bool = False,  # noqa: FBT001, FBT002  Tune's own signature
    allow_new_subkey_list: list[str] | None = None,
    override_all_if_type_changes: list[str] | None = None,
    override_all_key_list: list[str] | None = None,
) -> dict[str, Any]:
    """Lay the values of one nested dict over another one, in place.

    Args:
        original: The dict that is changed.
        new_dict: The values.
        new_keys_allowed: Whether there may be keys that the first one lacks.
        allow_new_subkey_list: Keys below which there may be.
        override_all_if_type_changes: Keys whose dict is replaced if its "type" changes.
        override_all_key_list: Keys whose dict is always replaced.

    Returns:
        ``original``.

    Raises:
        KeyError: If there is a key that mustn't be there.
    """
    for key, value in new_dict.items():
        if key not in original and not new_keys_allowed:
            message = f"there is no {key!r} to update; there are {sorted(map(str, original))}"
            raise KeyError(message)
        before = original.get(key)
        if not isinstance(before, dict) or not isinstance(value, Mapping):
            original[key] = value
            continue
        inner = cast("dict[str, Any]", before)
        new = cast("Mapping[str, Any]", value)
        is_other = "type" in new and new["type"] != inner.get("type")
        if key in (override_all_key_list or ()) or (
            is_other and key in (override_all_if_type_changes or ())
        ):
            original[key] = value
        else:
            deep_update(inner, new, new_keys_allowed or key in (allow_new_subkey_list or ()))
    return original


@contextmanager
def warn_if_slow(
    name: str,
    threshold: float | None = None,
    message: str | None = None,
    disable: bool = False,  # noqa: FBT001, FBT002  Tune's own signature
) -> Generator[None]:
    """Log a warning if the block takes more than ``threshold`` seconds (0.5)."""
    bound_s = 0.5 if threshold is None else float(threshold)
    begun_s = time.monotonic()
    yield
    took_s = time.monotonic() - begun_s
    if took_s > bound_s and not disable:
        text = message or "{name} took {duration:.3f} s, which holds up training"
        logger.warning("%s", text.format(name=name, duration=took_s))


def retry_fn(
    fn: Callable[[], Any],
    exception_type: type[Exception] | tuple[type[Exception], ...] = Exception,
    num_retries: int = 3,
    sleep_time: float = 1,
    timeout: float | None = None,
) -> bool:
    """Call a function until it doesn't raise; whether it came to that."""
    del timeout
    for attempt in range(num_retries):
        try:
            fn()
        except exception_type as error:  # noqa: PERF203
            logger.warning("attempt %d of %d failed: %s", attempt + 1, num_retries, error)
            time.sleep(sleep_time)
        else:
            return True
    return False


def wait_for_gpu(
    gpu_id: int | str | None = None,
    target_util: float = 0.01,
    retry: int = 20,
    delay_s: float = 5,
    gpu_memory_limit: float | None = None,
) -> bool:
    """True at once: a slot's process keeps its GPU from one trial to the next.

    Raises:
        RuntimeError: If this process sees no such GPU.
    """
    del target_util, retry, delay_s, gpu_memory_limit
    seen = visible_gpus()
    if not seen or (gpu_id is not None and str(gpu_id) not in {*seen, *map(str, range(len(seen)))}):
        message = f"there is no GPU {gpu_id if gpu_id is not None else ''} here; seen are {seen}"
        raise RuntimeError(message)
    return True


def diagnose_serialization(trainable: Callable[..., Any]) -> bool:
    """Whether a training can be sent to workers; what can't is printed."""
    import cloudpickle  # noqa: PLC0415  heavy

    # The boundary of user code: __reduce__ of the user's objects may raise anything.
    try:
        cloudpickle.dumps(trainable)
    except Exception as error:  # noqa: BLE001
        print(f"{trainable!r} can't be sent to workers: {error}")  # noqa: T201  as in Tune
        return False
    return True


def validate_save_restore(
    trainable_cls: type[Any],
    config: dict[str, Any] | None = None,
    num_gpus: int = 0,
) -> bool:
    """Train a class for a few steps here, save it, and go on from that in another object.

    Raises:
        SettingsError: If the second object doesn't count on from where the first one was saved.
    """
    del num_gpus
    first, second = trainable_cls(copy.deepcopy(config)), trainable_cls(copy.deepcopy(config))
    try:
        for _ in range(_STEPS):
            first.train()
        second.restore(first.save())
        step = second.train()["training_iteration"]
    finally:
        first.stop()
        second.stop()
    if step != _STEPS + 1:
        message = f"after restore() the next iteration is {step}, not {_STEPS + 1}"
        raise SettingsError(message)
    return True
