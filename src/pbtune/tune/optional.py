"""Libraries that pbtune can do without, imported when something needs them."""

import importlib
from typing import Any

from pbtune.errors import SettingsError


def pandas() -> Any:  # noqa: ANN401  a module
    """Pandas.

    Raises:
        SettingsError: If it isn't installed.
    """
    return imported("pandas", "data frames need pandas", "pandas")


def imported(name: str, need: str, extra: str) -> Any:  # noqa: ANN401  a module
    """An optional module.

    Args:
        name: The module's name.
        need: What needs it, as the beginning of the message.
        extra: The extra of pbtune's that installs it.

    Raises:
        SettingsError: If it isn't installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        message = f"{need}: pip install 'pbtune[{extra}]'"
        raise SettingsError(message) from error
