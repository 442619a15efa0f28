"""Trainings by name: ``register_trainable("train", train)``, then ``Tuner("train")``."""

import re
from collections.abc import Callable
from typing import Any, Final, NoReturn

from pbtune.errors import NotInPbtune, SettingsError
from pbtune.tune.places import elsewhere
from pbtune.tune.trainable import Trainable

_trainables: Final[dict[str, Callable[..., Any]]] = {}


def register_trainable(name: str, trainable: Callable[..., Any], warn: bool = True) -> None:  # noqa: FBT001, FBT002  Tune's own signature
    """Give a training a name in this process; a name that is taken names the new one from now on.

    Args:
        name: The name, which is also the run's where RunConfig has none.
        trainable: A function of a config, or a class derived from ``tune.Trainable``.
        warn: Accepted; there is nothing to warn of.

    Raises:
        TypeError: If it is neither.
        SettingsError: If the name is none.
    """
    del warn
    if not isinstance(name, str) or not name:  # pyright: ignore[reportUnnecessaryIsInstance]
        message = f"register_trainable() needs a name as text, not {name!r}"
        raise SettingsError(message)
    is_other_class = isinstance(trainable, type) and not issubclass(trainable, Trainable)
    if is_other_class or not callable(trainable):
        message = (
            f"register_trainable({name!r}, ...) needs a function of a config or a class derived"
            f" from tune.Trainable, not {trainable!r}"
        )
        raise TypeError(message)
    _trainables[name] = trainable


def run_name(name: str) -> str:
    """What a run of a registered training is called: its name, as it can stand in a path."""
    return re.sub(r"[/\\\0]", "_", name)


def register_env(name: str, env_creator: Callable[..., Any]) -> NoReturn:
    """Not here: environments are RLlib's.

    Raises:
        NotInPbtune: Always.
    """
    del env_creator
    full = f"ray.tune.register_env({name!r}, ...)"
    raise NotInPbtune(full, "environments are RLlib's; make yours in the training function")


def registered(trainable: Any) -> Any:  # noqa: ANN401  whatever the user wants to train
    """The training behind a name; anything that is no text as it is.

    Raises:
        SettingsError: If nothing is registered under the name.
    """
    if not isinstance(trainable, str):
        return trainable
    if trainable not in _trainables:
        has = ", ".join(map(repr, sorted(_trainables))) or "none"
        message = (
            f"no training is registered as {trainable!r}; registered are {has}."
            f" Call tune.register_trainable({trainable!r}, train_function) first"
        )
        raise SettingsError(message)
    return _trainables[trainable]


def get_trainable_cls(trainable_name: str) -> Callable[..., Any]:
    """The training behind a name.

    Raises:
        SettingsError: If nothing is registered under it.
    """
    return registered(trainable_name)


def validate_trainable(trainable_name: str) -> None:
    """Check that a training is registered.

    Raises:
        SettingsError: If nothing is registered under the name.
    """
    registered(trainable_name)


def is_function_trainable(trainable: str | Callable[..., Any]) -> bool:
    """Whether a training, or the one behind a name, is a function and no class."""
    found = registered(trainable)
    return callable(found) and not isinstance(found, type)


def __getattr__(name: str) -> object:
    return elsewhere(__name__, name)
