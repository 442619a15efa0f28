"""``with_parameters``: objects that a training needs and that are no hyperparameters.

They travel with the training's code: once to the process that starts workers, and its workers share
them. So no trial and no checkpoint carries them.
"""

import inspect
from collections.abc import Callable
from functools import partial, partialmethod
from typing import Any, TypeVar, cast

from pbtune.errors import SettingsError
from pbtune.tune.trainable import Trainable

AnyTrainable = TypeVar("AnyTrainable", bound=Callable[..., Any])
_KEPT = ("__name__", "__qualname__", "__doc__", "__module__")


def with_parameters(trainable: AnyTrainable, **kwargs: object) -> AnyTrainable:
    """Bind objects to a training: data sets, arrays, anything large.

    Args:
        trainable: A function ``train(config, data)``, or a class with ``setup(config, data)``.
        **kwargs: What to bind, by name: ``data=load()``.

    Returns:
        The same training, which needs only a config.

    Raises:
        SettingsError: If it is neither, or doesn't take one of these names.
    """
    if isinstance(trainable, type):
        if not issubclass(trainable, Trainable):
            message = f"{trainable.__qualname__} is a class: derive it from tune.Trainable"
            raise SettingsError(message)
        _check_names(trainable.setup, kwargs, f"{trainable.__qualname__}.setup", given=2)
        return cast("AnyTrainable", _class_with(trainable, kwargs))
    if not callable(trainable):
        message = f"with_parameters() takes a function or a class, not {trainable!r}"
        raise SettingsError(message)
    _check_names(trainable, kwargs, getattr(trainable, "__name__", "the function"), given=1)
    bound = partial(trainable, **kwargs)
    for name in _KEPT:
        if hasattr(trainable, name):
            setattr(bound, name, getattr(trainable, name))
    return cast("AnyTrainable", bound)


def _class_with(trainable: type[Trainable], kwargs: dict[str, object]) -> type[Trainable]:
    kept = {name: getattr(trainable, name) for name in _KEPT[1:]}
    setup = partialmethod(cast("Any", trainable.setup), **kwargs)
    return type(trainable.__name__, (trainable,), {"setup": setup, **kept})


def _check_names(function: object, kwargs: dict[str, object], name: str, *, given: int) -> None:
    """Every name must be one that the function takes behind its own positional arguments."""
    try:
        parameters = list(
            inspect.signature(cast("Callable[..., Any]", function)).parameters.values()
        )
    except (TypeError, ValueError):
        # A builtin without a signature: the call will tell.
        return
    if any(it.kind is it.VAR_KEYWORD for it in parameters):
        return
    taken = [
        it.name
        for it in parameters[given:]
        if it.kind not in {it.POSITIONAL_ONLY, it.VAR_POSITIONAL}
    ]
    for key in kwargs:
        if key not in taken:
            message = (
                f"{name}() takes no {key!r}; it takes: {', '.join(taken) or 'only the config'}"
            )
            raise SettingsError(message)


def check_signature(function: Callable[..., Any]) -> None:
    """A training function is called with one positional argument, the config.

    Raises:
        SettingsError: If it can't be; it says what to bind.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        # A builtin without a signature: the call will tell.
        return
    name = getattr(function, "__name__", type(function).__name__)
    try:
        signature.bind({})
    except TypeError:
        parameters = list(signature.parameters.values())
        open_ones = [
            it.name
            for it in parameters
            if it.default is it.empty and it.kind not in {it.VAR_POSITIONAL, it.VAR_KEYWORD}
        ]
        positional = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
        if not parameters or parameters[0].kind not in positional:
            message = f"{name}{signature} takes no positional argument; it needs one, config"
        else:
            binding = ", ".join(f"{other}=..." for other in open_ones[1:])
            message = (
                f"{name}{signature} is called with the config alone: bind the others by"
                f" tune.with_parameters({name}, {binding})"
            )
        raise SettingsError(message) from None
