"""``raises``, so that contracts need no test framework."""

from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def raises(kind: type[BaseException]) -> Generator[None]:
    """The block must raise an error of a kind.

    Raises:
        AssertionError: If it doesn't.
    """
    try:
        yield
    except kind:
        return
    message = f"{kind.__name__} was not raised"
    raise AssertionError(message)
