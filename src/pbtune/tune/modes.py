"""Whether larger is better: Tune's ``mode``."""

from pbtune.errors import SettingsError


def check_mode(mode: object) -> None:
    """Raise SettingsError unless the mode is one of Tune's two, or None."""
    if mode not in {None, "max", "min"}:
        message = f'mode must be "max" or "min", not {mode!r}'
        raise SettingsError(message)
