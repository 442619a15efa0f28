"""What follows from events: the scheduler's decisions, and the engine's own.

A decision carries all that ``fold`` needs, so that a resumed run folds it and never recomputes it.
"""

import msgspec

from pbtune.core.trial import Config


class Created(msgspec.Struct, frozen=True, tag="created", tag_field="kind", omit_defaults=True):
    """A member joins the population.

    ``evaluated`` are the sampled values by '/'-joined path; ``bracket`` is which of a scheduler's
    brackets it belongs to.
    """

    trial: str
    index: int
    config: Config
    evaluated: dict[str, object] = {}
    bracket: int = 0


class Ranked(msgspec.Struct, frozen=True, tag="ranked", tag_field="kind", omit_defaults=True):
    """A member was ready; from now on it is ranked by this report, and a new interval begins.

    ``waits``: at the gate of a synchronous population, until a ``GateOpened``. ``remembered``: the
    method learns from the interval that ends here, so it joins the history. ``values`` are one
    score a metric, where there are several.
    """

    trial: str
    step: int
    score: float
    progress: float
    time_total_s: float
    checkpoint: str | None = None
    waits: bool = False
    remembered: bool = False
    values: tuple[float, ...] = ()


class Exploited(msgspec.Struct, frozen=True, tag="exploited", tag_field="kind", omit_defaults=True):
    """A member goes on from another one's weights, with a config explored from a donor's.

    ``donor`` gives the weights, ``config_donor`` the hyperparameters. ``score`` is the donor's, and
    with ``checkpoint``, ``step``, ``progress`` and ``time_total_s`` from one and the same ranked
    report. ``operations`` says what explore did to each path. ``from_pin``: that report is the
    ``Pinned`` one, and not the donor's last.
    """

    trial: str
    donor: str
    config_donor: str
    config: Config
    checkpoint: str
    step: int
    progress: float
    time_total_s: float
    score: float
    old_step: int = 0
    old_config: Config = {}
    operations: dict[str, str] = {}
    from_pin: bool = False


class Pinned(msgspec.Struct, frozen=True, tag="pinned", tag_field="kind", omit_defaults=True):
    """The best checkpoint ever is the one that a member was just ranked by: it is kept for copies.

    The one that was pinned before is no longer.
    """

    trial: str
    checkpoint: str
    score: float


class IntervalGrown(
    msgspec.Struct, frozen=True, tag="interval_grown", tag_field="kind", omit_defaults=True
):
    """The population has stopped improving: from here on all members' intervals are longer.

    ``is_restart``: what was learned before, and the best score so far, no longer count.
    """

    interval: float
    reason: str
    is_restart: bool = False


class Restarted(msgspec.Struct, frozen=True, tag="restarted", tag_field="kind", omit_defaults=True):
    """A member begins anew from nothing, under another config; its budget goes on from ``step``."""

    trial: str
    config: Config
    step: int
    progress: float
    time_total_s: float
    old_config: Config = {}


class Measured(msgspec.Struct, frozen=True, tag="measured", tag_field="kind", omit_defaults=True):
    """A trial has reached a milestone of its bracket, and is compared there by this score.

    ``waits``: until it is ``Promoted`` or ended.
    """

    trial: str
    bracket: int
    milestone: float
    step: int
    progress: float
    score: float
    waits: bool = False


class Promoted(msgspec.Struct, frozen=True, tag="promoted", tag_field="kind", omit_defaults=True):
    """A trial that waited at a milestone is among the best there, and goes on to the next one."""

    trial: str
    milestone: float


class Traced(msgspec.Struct, frozen=True, tag="traced", tag_field="kind", omit_defaults=True):
    """A report joins the scores that a trial is judged by; ``counts`` in its mean, too."""

    trial: str
    progress: float
    score: float
    counts: bool = True


class Deferred(msgspec.Struct, frozen=True, tag="deferred", tag_field="kind", omit_defaults=True):
    """A trial goes on only while nobody else wants its slot."""

    trial: str
    reason: str


class Skipped(msgspec.Struct, frozen=True, tag="skipped", tag_field="kind", omit_defaults=True):
    """A member should have been replaced and was not, because of ``reason``."""

    trial: str
    reason: str


class Completed(msgspec.Struct, frozen=True, tag="completed", tag_field="kind", omit_defaults=True):
    """A trial has ended well: a stop rule, ``done``, or its function returned."""

    trial: str
    reason: str


class Retried(msgspec.Struct, frozen=True, tag="retried", tag_field="kind", omit_defaults=True):
    """A failed attempt is followed by another one from the restore point."""

    trial: str
    failures: int


class Abandoned(msgspec.Struct, frozen=True, tag="abandoned", tag_field="kind", omit_defaults=True):
    """A trial has failed for good: its retries are used up."""

    trial: str
    failures: int


class Halted(msgspec.Struct, frozen=True, tag="halted", tag_field="kind", omit_defaults=True):
    """The run stops here; trials that have not ended stay as they are, and can be resumed."""

    reason: str
    trial: str | None = None


class GateOpened(
    msgspec.Struct, frozen=True, tag="gate_opened", tag_field="kind", omit_defaults=True
):
    """The members at the gate of a synchronous population may go on; the decisions are taken.

    ``absent`` are live members that were not waited for any longer.
    """

    generation: int
    absent: tuple[str, ...] = ()


class Evicted(msgspec.Struct, frozen=True, tag="evicted", tag_field="kind", omit_defaults=True):
    """Retention no longer keeps these checkpoints for their own trial."""

    trial: str
    checkpoints: tuple[str, ...]


class Released(msgspec.Struct, frozen=True, tag="released", tag_field="kind", omit_defaults=True):
    """Nobody needs these checkpoints any more: their files may go, after this is committed."""

    checkpoints: tuple[str, ...]


class Started(msgspec.Struct, frozen=True, tag="started", tag_field="kind", omit_defaults=True):
    """A new attempt gets a slot. Committed before it is dispatched.

    ``supersedes`` says that an earlier attempt of this segment may have reported steps after
    ``step``: readers then take this attempt's.
    """

    trial: str
    attempt: int
    slot: int
    segment: int
    step: int
    time_total_s: float
    checkpoint: str | None = None
    supersedes: bool = False


class Yielded(msgspec.Struct, frozen=True, tag="yielded", tag_field="kind", omit_defaults=True):
    """A member gave its slot to one that is behind; it goes on from its restore point."""

    trial: str
    attempt: int


Decision = (
    Created
    | Ranked
    | Exploited
    | Skipped
    | Completed
    | Retried
    | Abandoned
    | Halted
    | GateOpened
    | Pinned
    | IntervalGrown
    | Restarted
    | Measured
    | Promoted
    | Traced
    | Deferred
    | Evicted
    | Released
)
Placement = Started | Yielded
SCHEDULER_KINDS = (
    *(Created, Ranked, Exploited, Skipped, Completed, Abandoned, GateOpened),
    *(Measured, Promoted, Traced, Deferred),
)
"""The decision log: what two runs are compared by. No attempts, slots or times."""
