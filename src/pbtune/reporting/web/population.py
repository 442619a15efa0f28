"""Who is who, and who descends from whom: from the few records that say so.

``RunView`` folds every record as the driver does, which takes seconds where there are a hundred
thousand. A page doesn't ask for ranks, pins and references; without them a large run opens at once.
"""

import time
from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import Any, Final, cast, final

import msgspec

from pbtune.core import decisions as d
from pbtune.core import events as e
from pbtune.core.experiment import Record
from pbtune.core.trial import ENDED, Config, Status
from pbtune.journal.base import Entry
from pbtune.journal.glance import Saving

KINDS: Final = (
    *("opened", "created", "started", "yielded", "exploited", "restarted", "failed"),
    *("completed", "closed", "abandoned", "reopened", "rewound", "halted", "noticed"),
)
"""All that ``take_all`` knows by its whole record."""

_VERSIONS_PER_S: Final = 10
"""More than a watched run is looked at."""

Segment = tuple[str, int]
"""(trial, number): a stretch of one trial's reports under one config."""


class Node(msgspec.Struct):
    """One segment in the tree.

    ``parent`` is the segment whose weights it went on from; None began from nothing.
    ``config_donor`` is the trial whose hyperparameters were explored. ``root`` is the trial whose
    fresh start it descends from. ``version`` is the population's when it last changed. ``kind`` is
    that of the record that began it.
    """

    trial: str
    segment: int
    start_step: int
    parent: Segment | None
    config: Config
    old_config: Config
    kind: str
    record: int
    at: float
    version: int
    root: str
    config_donor: str | None = None
    end_step: int = 0
    score: float | None = None


class Member(msgspec.Struct):
    """One trial, as the table shows it.

    ``number`` is its place among the trials, from 0. ``begun_at`` is the record with which it last
    began from nothing; ``can_restore`` says that it has got a checkpoint that isn't its own.
    """

    id: str
    number: int
    config: Config
    version: int
    segment: int = 0
    status: Status = Status.PENDING
    attempt: int = 0
    slot: int | None = None
    parent: str | None = None
    failures: int = 0
    reason: str = ""
    step: int = 0
    begun_at: int = 0
    can_restore: bool = False


@final
class Population:
    """The members, and the tree of their segments.

    Attributes:
        members: By id, in their order.
        ids: The same trials by their numbers. Addresses and pages name a trial by its number: an
            id may hold any text.
        nodes: Every segment, in the order in which they began.
        failures: Each trial's failures.
        notices: What the user was told.
        halted: Why the run stopped early, if it did.
        version: Grows with each call of ``take_all``. It begins at the time, so that what an
            earlier process counted is less.
        redone_count: Attempts that did reported steps again.
    """

    def __init__(self) -> None:
        self.members: dict[str, Member] = {}
        self.ids: list[str] = []
        self.nodes: dict[Segment, Node] = {}
        self.failures: dict[str, list[e.Failed]] = {}
        self.notices: list[str] = []
        self.halted: str | None = None
        self.version = int(time.time() * _VERSIONS_PER_S)
        self.redone_count = 0
        self._savings: dict[str, tuple[str, int]] = {}
        self._saves: dict[str, list[int]] = {}
        self._now: Entry | None = None

    def take_all(self, entries: Iterable[Entry | Saving]) -> None:
        """The next records of ``KINDS``, and the next saved checkpoints."""
        self.version += 1
        for entry in entries:
            if isinstance(entry, tuple):
                record, trial, checkpoint = entry
                self._savings[checkpoint] = (trial, record)
                self._saves.setdefault(trial, []).append(record)
            else:
                self._now = entry
                _TAKES[type(entry.record)](self, cast("Any", entry.record))

    @property
    def exploits(self) -> list[Node]:
        """The segments that began as copies, in order."""
        return [node for node in self.nodes.values() if node.kind == "exploited"]

    @property
    def lineage_count(self) -> int:
        """How many of the members that began are still ancestors of one that is there."""
        now = (self.nodes[it.id, it.segment] for it in self.members.values())
        return len({node.root for node in now})

    def before(self, node: Node) -> Config:
        """What a segment's config is a change of: the donor's where it is a copy, as it copied."""
        if node.parent is None or node.config_donor != node.parent[0]:
            return node.old_config
        return self.nodes[node.parent].config

    @property
    def is_ended(self) -> bool:
        """Whether every trial has ended, or the run was halted."""
        is_over = all(member.status in ENDED for member in self.members.values())
        return bool(self.members) and (is_over or self.halted is not None)

    def pieces(self, trial: str) -> list[tuple[Node, int | None]]:
        """The segments that led to where a trial stands, the oldest first.

        Returns:
            Each with its last step that counts; None is as far as it went. As
            ``pbtune.reporting.lineage`` has it.
        """
        found: list[tuple[Node, int | None]] = []
        node, end = self.nodes[trial, self.members[trial].segment], None
        while True:
            found.append((node, end))
            if node.kind != "exploited" or node.parent is None:
                return found[::-1]
            node, end = self.nodes[node.parent], node.start_step

    def _member(self, trial: str, **changes: object) -> Member:
        member = self.members[trial]
        for name, value in {"slot": None, "version": self.version, **changes}.items():
            setattr(member, name, value)
        return member

    def _began(
        self, trial: str, start_step: int, config: Config, parent: Segment | None, old: Config
    ) -> Node:
        """A new segment of a trial, by the record at hand."""
        now = cast("Entry", self._now)
        member = self.members[trial]
        kind = str(type(now.record).__struct_config__.tag)
        member.config = config
        # A parent that isn't there yet would make a ring of it: no driver writes that.
        root = trial if parent is None else self.nodes[parent].root
        node = Node(
            trial, member.segment, start_step, parent, config, old, kind, now.id, now.at,
            self.version, root, end_step=start_step,
        )  # fmt: skip
        self.nodes[trial, member.segment] = node
        return node

    def _begins_anew(self, member: Member) -> None:
        """What it saved before is no longer its own."""
        member.can_restore, member.begun_at = False, cast("Entry", self._now).id

    def _waiting(self, member: Member) -> Status:
        """What a member is that has no slot: whether it has a checkpoint says it."""
        saves = self._saves.get(member.id, [])
        before = bisect_left(saves, cast("Entry", self._now).id)
        has_saved = before > 0 and saves[before - 1] > member.begun_at
        return Status.PAUSED if has_saved or member.can_restore else Status.PENDING

    def _segment_of(self, checkpoint: str) -> int:
        """The segment of its trial that a checkpoint was saved in."""
        trial, record = self._savings[checkpoint]
        segment = self.members[trial].segment
        while self.nodes[trial, segment].record > record:
            segment -= 1
        return segment

    def created(self, record: d.Created) -> None:
        """A member joins."""
        number = len(self.ids)
        self.members[record.trial] = Member(record.trial, number, record.config, self.version)
        self.ids.append(record.trial)
        self._began(record.trial, 0, record.config, None, {})

    def opened(self, _record: e.Opened) -> None:
        """The attempts that were running have ended."""
        self.halted = None
        for member in self.members.values():
            if member.status is Status.RUNNING:
                self._member(member.id, status=self._waiting(member))

    def started(self, record: d.Started) -> None:
        """An attempt gets a slot."""
        self.redone_count += record.supersedes
        self._member(record.trial, status=Status.RUNNING, attempt=record.attempt, slot=record.slot)

    def yielded(self, record: d.Yielded) -> None:
        """A member gives its slot away."""
        self._member(record.trial, status=Status.PAUSED)

    def exploited(self, record: d.Exploited) -> None:
        """A member goes on as a copy."""
        member = self.members[record.trial]
        # A member that failed for good begins anew as a copy.
        failures = 0 if member.status in ENDED else member.failures
        self._member(
            record.trial, status=Status.PAUSED, parent=record.donor, reason="", failures=failures
        )
        member.segment += 1
        member.can_restore = True
        parent = (record.donor, self._segment_of(record.checkpoint))
        node = self._began(record.trial, record.step, record.config, parent, record.old_config)
        node.config_donor = record.config_donor

    def restarted(self, record: d.Restarted) -> None:
        """A member begins anew from nothing."""
        member = self._member(record.trial, status=Status.PENDING, parent=None)
        member.segment += 1
        self._begins_anew(member)
        self._began(record.trial, record.step, record.config, None, record.old_config)

    def failed(self, record: e.Failed) -> None:
        """An attempt ended badly."""
        failures = self.members[record.trial].failures + (not record.lost)
        self._member(record.trial, status=Status.PENDING, failures=failures)
        self.failures.setdefault(record.trial, []).append(record)

    def completed(self, record: d.Completed | e.Closed) -> None:
        """A trial has ended well, or is left as it is."""
        self._member(record.trial, status=Status.DONE, reason=record.reason)

    def abandoned(self, record: d.Abandoned) -> None:
        """A trial has failed for good."""
        self._member(record.trial, status=Status.FAILED)

    def reopened(self, record: e.Reopened) -> None:
        """An ended trial goes on."""
        member = self.members[record.trial]
        if record.from_nothing:
            self._begins_anew(member)
        self._member(record.trial, status=self._waiting(member), reason="", failures=0)
        if record.from_nothing:
            member.segment += 1
            self._began(record.trial, 0, member.config, None, {})

    def rewound(self, record: e.Rewound) -> None:
        """A trial goes back to an earlier checkpoint, or to the beginning."""
        member = self.members[record.trial]
        self._begins_anew(member)
        member.can_restore = record.checkpoint is not None
        self._member(record.trial, status=self._waiting(member), reason="")
        if record.config is not None:
            member.segment += 1
            parent = None
            if record.checkpoint is not None:
                donor = record.checkpoint.partition("/")[0]
                parent = (donor, self._segment_of(record.checkpoint))
            self._began(record.trial, record.step, record.config, parent, member.config)

    def halted_by(self, record: d.Halted) -> None:
        """The run stops here."""
        self.halted = record.reason

    def noticed(self, record: e.Noticed) -> None:
        """Something that the user should know."""
        self.notices.append(record.text)


_TAKES: Final[dict[type[Record], Callable[[Population, Any], None]]] = {
    e.Opened: Population.opened,
    e.Failed: Population.failed,
    e.Closed: Population.completed,
    e.Reopened: Population.reopened,
    e.Rewound: Population.rewound,
    e.Noticed: Population.noticed,
    d.Created: Population.created,
    d.Started: Population.started,
    d.Yielded: Population.yielded,
    d.Exploited: Population.exploited,
    d.Restarted: Population.restarted,
    d.Completed: Population.completed,
    d.Abandoned: Population.abandoned,
    d.Halted: Population.halted_by,
}
