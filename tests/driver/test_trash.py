"""Checkpoints that nobody needs leave when nobody waits, and at the latest when the run ends."""

import pytest

from pbtune.driver.trash import WAITING_BYTES_MAX, WAITING_COUNT_MAX, ThreadTrash


class Store:
    """Notes what is deleted; what it lacks can't be."""

    def __init__(self, *, broken: tuple[str, ...] = ()) -> None:
        self.deleted: list[str] = []
        self.broken = broken

    def delete(self, checkpoint: str) -> None:
        if checkpoint in self.broken:
            raise OSError(checkpoint)
        self.deleted.append(checkpoint)


def test_a_few_small_checkpoints_wait_for_an_idle_moment():
    store = Store()
    trash = ThreadTrash(store)
    trash.add(["a", "b"], 10)
    assert not trash.has_work()
    assert store.deleted == []
    assert trash.step()
    assert not trash.step()
    trash.empty()
    assert store.deleted == ["a", "b"]


@pytest.mark.parametrize(
    ("names", "size_bytes"),
    [(["a"], WAITING_BYTES_MAX + 1), ([str(i) for i in range(WAITING_COUNT_MAX + 1)], 1)],
)
def test_what_is_large_or_many_does_not_wait(names, size_bytes):
    store = Store()
    trash = ThreadTrash(store)
    trash.add(names, size_bytes)
    assert not trash.step(), "they have been handed over already"
    trash.empty()
    assert store.deleted == names


def test_emptying_deletes_all_and_then_says_what_could_not_be():
    store = Store(broken=("b",))
    trash = ThreadTrash(store)
    trash.add(["a", "b", "c"], 3)
    with pytest.raises(OSError, match="b"):
        trash.empty()
    assert store.deleted == ["a", "c"]
    trash.empty()


def test_a_trash_that_was_never_used_starts_no_thread():
    trash = ThreadTrash(Store())
    trash.empty()
    assert not trash.step()
