"""What all settings objects have in common."""

from abc import ABC


class AbstractConfig(ABC):  # noqa: B024  nothing is left open: it only shows what it was given
    """Prints as the call that makes it, and is compared by what it was given."""

    def __repr__(self) -> str:
        given = ", ".join(f"{key}={value!r}" for key, value in vars(self).items())
        return f"{type(self).__name__}({given})"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(repr(self))
