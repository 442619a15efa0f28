"""What happened, in words: one line a record."""

from collections.abc import Callable
from typing import Any, Final, cast

from pbtune.core import decisions as d
from pbtune.core import events as e
from pbtune.core.experiment import Record
from pbtune.core.trial import Config
from pbtune.core.values import is_dict


def story_line(record: Record) -> str:
    """A record as one line for people."""
    return _LINES[type(record)](cast("Any", record))


def concerns(record: Record, trial: str) -> bool:
    """Whether a record says something about a trial, or about the run as a whole."""
    if isinstance(record, e.Reported):
        return any(report.trial == trial for report in record.reports)
    if isinstance(record, d.Exploited):
        return trial in {record.trial, record.donor, record.config_donor}
    if isinstance(record, (d.Released, e.Damaged)):
        names = record.checkpoints if isinstance(record, d.Released) else (record.checkpoint,)
        return any(name.startswith(f"{trial}/") for name in names)
    named = getattr(record, "trial", None)
    return named is None or named == trial


def _number(value: float, digits: int = 6) -> str:
    return f"{value:.{digits}g}"


def changes(old: Config, new: Config, prefix: str = "", digits: int = 6) -> list[str]:
    """What differs between two configs, as "lr 0.004 → 0.0048"; floats to so many digits."""
    told: list[str] = []
    for key, value in new.items():
        before = old.get(key)
        if is_dict(value):
            told += changes(before if is_dict(before) else {}, value, f"{prefix}{key}/", digits)
        elif before != value:
            told.append(f"{prefix}{key} {_shown(before, digits)} → {_shown(value, digits)}")
    return told


def _shown(value: object, digits: int = 6) -> str:
    return _number(value, digits) if isinstance(value, float) else str(value)


def _reported(record: e.Reported) -> str:
    parts: list[str] = []
    for report in record.reports:
        watched = ", ".join(f"{key}={_shown(value)}" for key, value in report.observed.items())
        parts.append(f"{report.trial} reported step {report.step}: {watched}")
    return "; ".join(parts)


def _ranked(record: d.Ranked) -> str:
    waits = ", and waits at the gate" if record.waits else ""
    with_what = record.checkpoint or "no checkpoint"
    return f"{record.trial} is ranked by {_number(record.score)}, with {with_what}{waits}"


def _exploited(record: d.Exploited) -> str:
    told = ", ".join(changes(record.old_config, record.config)) or "the same config"
    return (
        f"{record.trial} ← {record.donor}  {told}  (from {record.checkpoint}, score"
        f" {_number(record.score)})"
    )


def _restarted(record: d.Restarted) -> str:
    told = ", ".join(changes(record.old_config, record.config)) or "the same config"
    return f"{record.trial} begins anew from nothing, after step {record.step}: {told}"


def _measured(record: d.Measured) -> str:
    waits = ", and waits" if record.waits else ""
    at = f"at {_number(record.milestone)} of bracket {record.bracket}"
    return f"{record.trial} is measured {at} by {_number(record.score)}{waits}"


def _started(record: d.Started) -> str:
    start = f"from {record.checkpoint}" if record.checkpoint else "from nothing"
    return (
        f"{record.trial} starts attempt {record.attempt} in slot {record.slot}, {start}, after step"
        f" {record.step}"
    )


def _rewound(record: e.Rewound) -> str:
    to = f"{record.checkpoint}, step {record.step}" if record.checkpoint else "the beginning"
    return f"{record.trial} goes back to {to}"


def _gate_opened(record: d.GateOpened) -> str:
    without = f", without {', '.join(record.absent)}" if record.absent else ""
    return f"the gate opens: generation {record.generation}{without}"


def _reconfigured(record: e.Reconfigured) -> str:
    told = "; ".join(f"{name}: {old} → {new}" for name, old, new in record.changes)
    return f"the run goes on under other settings: {told}"


_LINES: Final[dict[type[Record], Callable[[Any], str]]] = {
    e.Opened: lambda it: f"a driver takes up the run, session {it.session}",
    e.Reported: _reported,
    e.Saved: lambda it: f"{it.trial} saved {it.checkpoint}, {it.bytes:,} bytes",
    e.Returned: lambda it: f"{it.trial}: its function returned",
    e.Failed: lambda it: f"{it.trial} attempt {it.attempt} failed: {it.error}: {it.message}",
    e.Waited: lambda it: f"the gate has waited for {it.seconds:.0f} s",
    e.Reopened: lambda it: (
        f"{it.trial} is reopened{' from nothing' if it.from_nothing else ''}, on request"
    ),
    e.Closed: lambda it: f"{it.trial} is left as it is: {it.reason}",
    e.Damaged: lambda it: f"{it.checkpoint} is damaged: {it.reason}",
    e.Rewound: _rewound,
    e.Reconfigured: _reconfigured,
    e.StoppedAll: lambda it: f"a stopper ends the run: {it.reason}",
    e.Noticed: lambda it: f"note on {it.trial}: {it.text}",
    e.Hosted: lambda it: (
        f"{it.trial} attempt {it.attempt} runs in process {it.pid} on {it.hostname}"
    ),
    d.Created: lambda it: f"{it.trial} is created: {it.config}",
    d.Ranked: _ranked,
    d.Exploited: _exploited,
    d.Skipped: lambda it: f"{it.trial} should have been replaced and was not: {it.reason}",
    d.Completed: lambda it: f"{it.trial} is done: {it.reason}",
    d.Retried: lambda it: f"{it.trial} is tried again, after {it.failures} failures",
    d.Abandoned: lambda it: f"{it.trial} has failed for good, after {it.failures} failures",
    d.Halted: lambda it: f"the run halts: {it.reason}",
    d.GateOpened: _gate_opened,
    d.Pinned: lambda it: f"{it.checkpoint} is the best so far: it is kept ({_number(it.score)})",
    d.IntervalGrown: lambda it: f"intervals are {it.interval:g} from here on: {it.reason}",
    d.Restarted: _restarted,
    d.Measured: _measured,
    d.Promoted: lambda it: f"{it.trial} is among the best at {_number(it.milestone)}: it goes on",
    d.Traced: lambda it: f"{it.trial} has {_number(it.score)} at {_number(it.progress)}",
    d.Deferred: lambda it: f"{it.trial} goes on only if nobody else wants its slot: {it.reason}",
    d.Evicted: lambda it: f"{it.trial} no longer keeps {', '.join(it.checkpoints)}",
    d.Released: lambda it: f"nobody needs {', '.join(it.checkpoints)} any more: deleted",
    d.Started: _started,
    d.Yielded: lambda it: f"{it.trial} yields its slot",
}
