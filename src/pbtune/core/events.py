"""What happens to a run from outside: the inputs of ``fold`` and ``decide``.

Every event is a versioned record of the journal; kinds and fields are added, never removed.
"""

import msgspec

from pbtune.core.trial import Config

Observed = float | int | bool | str | None
"""A reported value that the run watches: the metric, the time attribute, the keys of stop rules."""


class Opened(msgspec.Struct, frozen=True, tag="opened", tag_field="kind", omit_defaults=True):
    """A driver took up the run. Attempts that were running have ended, without a failure."""

    session: int


class Report(msgspec.Struct, frozen=True, omit_defaults=True):
    """One member's report, reduced to what decisions may depend on.

    ``step`` counts the reports along the trial's lineage (Tune's training_iteration). The whole
    metrics are in the journal's table of reports, under (trial, attempt, step). ``stop`` is a
    recorded input: why a stopper of the user's ends the trial; empty if it doesn't.
    """

    trial: str
    attempt: int
    step: int
    time_total_s: float
    observed: dict[str, Observed] = {}
    checkpoint: str | None = None
    stop: str = ""

    def value(self, key: str) -> Observed:
        """The value under a flattened key; None if the report lacks it."""
        found = self.observed.get(key)
        if found is None:
            if key == "training_iteration":
                return self.step
            if key == "time_total_s":
                return self.time_total_s
        return found

    def number(self, key: str) -> float:
        """The value as a float; NaN if it is missing or no number."""
        found = self.value(key)
        return float(found) if isinstance(found, (int, float)) else float("nan")


class Reported(msgspec.Struct, frozen=True, tag="reported", tag_field="kind", omit_defaults=True):
    """A block of reports that arrived together: one of a process, n of a vectorised population."""

    reports: tuple[Report, ...]


class Saved(msgspec.Struct, frozen=True, tag="saved", tag_field="kind", omit_defaults=True):
    """A checkpoint is whole at its place. A record of its own, since an upload may end later.

    ``number`` is the one in its name: the trial's next checkpoint gets a higher one.
    """

    trial: str
    attempt: int
    checkpoint: str
    step: int
    progress: float
    time_total_s: float
    score: float | None = None
    bytes: int = 0
    file_count: int = 0
    digest: str = ""
    number: int = 0


class Returned(msgspec.Struct, frozen=True, tag="returned", tag_field="kind", omit_defaults=True):
    """The training function came to its end."""

    trial: str
    attempt: int


class Failed(msgspec.Struct, frozen=True, tag="failed", tag_field="kind", omit_defaults=True):
    """An attempt ended by an exception, or with its process.

    ``fatal`` marks an error that every trial would meet, such as a metric that is never reported:
    it halts the run. ``lost`` marks one that went with its machine: it is tried again, and is
    no failure of the trial's.
    """

    trial: str
    attempt: int
    error: str
    message: str
    traceback: str = ""
    fatal: bool = False
    lost: bool = False


class Waited(msgspec.Struct, frozen=True, tag="waited", tag_field="kind", omit_defaults=True):
    """Members have stood at the gate of a synchronous population for longer than they should."""

    seconds: float


class Reopened(msgspec.Struct, frozen=True, tag="reopened", tag_field="kind", omit_defaults=True):
    """A person asked for an ended trial to go on: from its restore point, or from nothing."""

    trial: str
    from_nothing: bool = False


class Closed(msgspec.Struct, frozen=True, tag="closed", tag_field="kind", omit_defaults=True):
    """A person asked for a trial that has not ended to stay as it is."""

    trial: str
    reason: str


class Damaged(msgspec.Struct, frozen=True, tag="damaged", tag_field="kind", omit_defaults=True):
    """A checkpoint's files are not what was committed: nobody may go on from it any more."""

    checkpoint: str
    reason: str


class Rewound(msgspec.Struct, frozen=True, tag="rewound", tag_field="kind", omit_defaults=True):
    """A trial goes back, because the checkpoint that it would go on from is ``Damaged``.

    ``checkpoint`` is the whole one that it goes back to, with ``step``, ``progress`` and
    ``time_total_s``; None is the beginning. Reports after ``step`` are superseded. ``config`` is
    given when the trial had another one then: a new segment begins.
    """

    trial: str
    checkpoint: str | None = None
    step: int = 0
    progress: float = 0.0
    time_total_s: float = 0.0
    config: Config | None = None


class Reconfigured(
    msgspec.Struct, frozen=True, tag="reconfigured", tag_field="kind", omit_defaults=True
):
    """A run goes on under other settings. ``changes`` are (name, old, new) as text.

    ``settings``, as JSON, replaces the ones in the journal's header from here on.
    """

    changes: tuple[tuple[str, str, str], ...]
    settings: str = ""


class StoppedAll(
    msgspec.Struct, frozen=True, tag="stopped_all", tag_field="kind", omit_defaults=True
):
    """A stopper said that the whole run ends. Its answer is a recorded input, as in ``Report``."""

    reason: str


class Hosted(msgspec.Struct, frozen=True, tag="hosted", tag_field="kind", omit_defaults=True):
    """Which process an attempt runs in, told with its first report; it changes no decision."""

    trial: str
    attempt: int
    pid: int
    hostname: str
    node_ip: str


class Noticed(msgspec.Struct, frozen=True, tag="noticed", tag_field="kind", omit_defaults=True):
    """Something that the user should know, seen once; it changes no decision."""

    trial: str
    code: str
    text: str


Event = (
    Opened
    | Reported
    | Saved
    | Returned
    | Failed
    | Waited
    | Reopened
    | Closed
    | Damaged
    | Rewound
    | Reconfigured
    | StoppedAll
    | Noticed
    | Hosted
)
