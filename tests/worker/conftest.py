import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pbtune.checkpoints.store import LocalStore
from pbtune.core.lease import Lease, Rule
from pbtune.worker import api
from pbtune.worker.channel import AbstractChannel
from pbtune.worker.protocol import Begin, Proceed, WorkerSettings
from pbtune.worker.session import Session


class FakeChannel(AbstractChannel):
    """Keeps what a worker says; answers with scripted orders, else lets it go on."""

    def __init__(self) -> None:
        self.streamed: list[Any] = []
        self.told: list[Any] = []
        self.asked: list[Any] = []
        self.answers: list[Any] = []
        self.unasked: list[Any] = []

    def stream(self, message):
        self.streamed.append(message)

    def tell(self, message):
        self.told.append(message)

    def ask(self, message):
        self.asked.append(message)
        return self.answers.pop(0) if self.answers else Proceed(message.attempt, Lease())

    def poll(self):
        return self.unasked.pop(0) if self.unasked else None


@pytest.fixture
def channel() -> FakeChannel:
    return FakeChannel()


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    (tmp_path / "run").mkdir()
    return LocalStore(tmp_path / "run")


@pytest.fixture
def make_settings(tmp_path: Path) -> Callable[..., WorkerSettings]:
    def make(**changes: Any) -> WorkerSettings:
        plain = {"run_dir": str(tmp_path / "run"), "run_name": "run", "observed": ("loss",)}
        return WorkerSettings(**{**plain, **changes})

    return make


@pytest.fixture
def make_begin() -> Callable[..., Begin]:
    def make(config: dict[str, Any] | None = None, *rules: Rule, **changes: Any) -> Begin:
        plain = {
            "trial": "t0",
            "attempt": 1,
            "config": pickle.dumps({} if config is None else config),
            "lease": Lease(rules),
            "seed": 7,
            "step": 0,
            "time_total_s": 0.0,
            "checkpoint": None,
            "checkpoint_number": 0,
            "is_copy": False,
        }
        return Begin(**{**plain, **changes})

    return make


@pytest.fixture
def session(
    channel: FakeChannel,
    store: LocalStore,
    make_settings: Callable[..., WorkerSettings],
    make_begin: Callable[..., Begin],
) -> Iterator[Callable[..., Session]]:
    """Makes sessions of one attempt: ``session(*rules, settings={}, config={}, **begin)``."""
    made: list[Session] = []

    def make(
        *rules: Rule,
        settings: dict[str, Any] | None = None,
        config: dict[str, Any] | None = None,
        **changes: Any,
    ) -> Session:
        begin = make_begin(None, *rules, **changes)
        made.append(Session(make_settings(**(settings or {})), begin, config or {}, channel, store))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def inside(session: Callable[..., Session]) -> Iterator[Session]:
    """A session that the user's calls go to."""
    entered = session()
    api.enter(entered)
    yield entered
    api.leave()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's own directory with a checkpoint's files."""
    made = tmp_path / "mine"
    made.mkdir()
    (made / "weights").write_text("w")
    return made
