# ruff: noqa: D102  the methods are dict's own
"""The config that a copy gets: a dict that notices which mutated values are never read."""

from collections.abc import ItemsView, Iterable, Iterator, KeysView, ValuesView
from typing import final


@final
class WatchedConfig(dict[str, object]):
    """A dict of hyperparameters that knows which of the ``watched`` keys nobody has read.

    A copy that never reads a mutated hyperparameter trains with the old one: the mutation is a
    no-op, silently (ray#62173). Whatever reads the config as a whole counts as reading every key;
    it pickles and copies as a plain dict.
    """

    def __init__(self, config: dict[str, object], watched: Iterable[str]) -> None:
        super().__init__(config)
        self.unread = {key for key in watched if key in config}

    def __getitem__(self, key: str) -> object:
        self.unread.discard(key)
        return super().__getitem__(key)

    def get(self, key: str, default: object = None) -> object:  # type: ignore[override]
        self.unread.discard(key)
        return super().get(key, default)

    def pop(self, key: str, *default: object) -> object:  # type: ignore[override]
        self.unread.discard(key)
        return super().pop(key, *default)

    def setdefault(self, key: str, default: object = None) -> object:
        self.unread.discard(key)
        return super().setdefault(key, default)

    # Overriding __iter__ also sends dict(config) and f(**config) through these methods, which
    # CPython bypasses for a subclass that keeps dict's own iterator.
    def __iter__(self) -> Iterator[str]:
        return super().__iter__()

    def keys(self) -> KeysView[str]:  # type: ignore[override]
        return super().keys()

    def values(self) -> ValuesView[object]:  # type: ignore[override]
        self.unread.clear()
        return super().values()

    def items(self) -> ItemsView[str, object]:  # type: ignore[override]
        self.unread.clear()
        return super().items()

    def copy(self) -> dict[str, object]:
        self.unread.clear()
        return dict(super().items())

    def __or__(self, other: object) -> dict[str, object]:  # type: ignore[override]
        return self.copy() | other  # type: ignore[operator]

    def __reduce__(self) -> tuple[type[dict[str, object]], tuple[dict[str, object]]]:
        return dict, (self.copy(),)
