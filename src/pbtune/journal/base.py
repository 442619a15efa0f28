"""What a journal is: an append-only list of records, and a table of reports."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import msgspec

from pbtune.core.experiment import Record
from pbtune.journal.folded import Folded


class ReportRow(msgspec.Struct, frozen=True):
    """One report as it is stored, blocking or streamed.

    ``metrics`` is the exact JSON text of what the user reported (``core.exact``), as UTF-8 bytes:
    encoded once, in the worker. ``time_total_s`` continues from the donor after an exploit;
    ``timestamp`` is the worker's wall clock in seconds.
    """

    trial: str
    attempt: int
    segment: int
    step: int
    time_total_s: float
    timestamp: float
    metrics: bytes
    checkpoint: str | None = None


class Entry(msgspec.Struct, frozen=True):
    """One record in its place: ``id`` counts records, ``commit`` the transactions that had any."""

    id: int
    commit: int
    at: float
    record: Record


class Header(msgspec.Struct, frozen=True):
    """What a reader has to know about a run before its records.

    ``settings`` describes scheduler, stop rules and retention for people and for the check on
    resume: plain JSON, no objects. ``domains`` holds, by '/'-joined path of each mutated
    hyperparameter, {"log": bool, "lower": number, "upper": number} as far as it is known.
    """

    name: str
    trainable: str
    seed: int
    created_at: float
    metric: str | None = None
    mode: str | None = None
    num_samples: int = 1
    mutated: tuple[str, ...] = ()
    domains: dict[str, dict[str, object]] = {}
    settings: dict[str, object] = {}
    pbtune_version: str = ""
    python_version: str = ""


class AbstractJournal(ABC):
    """The driver's side: the only writer."""

    @abstractmethod
    def append(self, records: Sequence[Record], rows: Sequence[ReportRow], at: float) -> int:
        """Commit records and reports in one transaction.

        A ``Started`` record with ``supersedes`` marks the trial's earlier rows of that segment
        after its step as superseded, in the same transaction.

        Args:
            records: In the order in which they were folded.
            rows: Reports to store; their order within a trial is kept.
            at: Wall clock in seconds, for people; no decision depends on it.

        Returns:
            The id of the last record that is stored.
        """

    @abstractmethod
    def entries(self, after: int = 0) -> Iterator[Entry]:
        """The records with an id above ``after``, in order."""

    @abstractmethod
    def keep(self, folded: Folded) -> None:
        """Remember what the records so far fold to; it takes the place of what was kept before.

        A full disk is no error here: it can be done later.
        """

    @abstractmethod
    def kept(self) -> tuple[int, Folded]:
        """What was kept, and the id of the last record in it; nothing, and 0, if that is nothing.

        What was kept by other code than this counts as nothing.
        """

    @abstractmethod
    def idle(self) -> None:
        """Do what is cheap now and would stall a commit later."""

    @abstractmethod
    def close(self) -> None:
        """Leave one plain file behind. A second call does nothing."""
