"""Numbers, times and scores as people read them; what terminal, notebook and report share."""

import math
from collections.abc import Sequence
from typing import Final

import msgspec

from pbtune.core.trial import Status
from pbtune.reporting.population import Look, Member

BARS: Final = "▁▂▃▄▅▆▇█"
_SOON_S, _MINUTE_S, _HOUR_S, _DAY_S = 10, 60, 3600, 86400


def duration(seconds: float) -> str:
    """A time as "0.3 s", "12 s", "3 min 20 s", "5 h 07 min" or "2 d 3 h"."""
    whole = int(max(0.0, seconds))
    if whole < _SOON_S:
        return f"{max(0.0, seconds):.1f} s"
    if whole < _MINUTE_S:
        return f"{whole} s"
    if whole < _HOUR_S:
        return f"{whole // _MINUTE_S} min {whole % _MINUTE_S:02d} s"
    if whole < _DAY_S:
        return f"{whole // _HOUR_S} h {whole % _HOUR_S // _MINUTE_S:02d} min"
    return f"{whole // _DAY_S} d {whole % _DAY_S // _HOUR_S} h"


def score(value: float) -> str:
    """A score; nothing for NaN."""
    return "" if math.isnan(value) else f"{value:.5g}"


def value_at(config: object, path: str) -> object:
    """The value under a '/'-joined path of a config; None if there is none."""
    if isinstance(config, dict) and path in config:
        return config[path]
    found = config
    for key in path.split("/"):
        found = found.get(key) if isinstance(found, dict) else None
    return found


def text(config: object, path: str) -> str:
    """A hyperparameter for people."""
    found = value_at(config, path)
    return f"{found:.4g}" if isinstance(found, float) else str(found)


def sparkline(values: Sequence[float], width: int) -> str:
    """Values as a row of bars, at most ``width`` of them; what isn't finite is left out.

    Each bar is the last value of its share of the row: what it had come to by then.
    """
    finite = [value for value in values if math.isfinite(value)]
    if not finite or width < 1:
        return ""
    count = min(width, len(finite))
    shown = [finite[(at + 1) * len(finite) // count - 1] for at in range(count)]
    low, high = min(shown), max(shown)
    if low == high:
        return BARS[0] * count
    # The difference of two finite numbers may not be: halves are.
    share = [(it / 2 - low / 2) / (high / 2 - low / 2) for it in shown]
    return "".join(BARS[min(len(BARS) - 1, int(it * len(BARS)))] for it in share)


def states(look: Look) -> str:
    """How many members are in which state: "2 running, 6 paused"."""
    return counted(look.counts)


def counted(counts: dict[Status, int]) -> str:
    """Counts of states in words."""
    return ", ".join(f"{count} {status.value.lower()}" for status, count in counts.items() if count)


def reports(look: Look) -> str:
    """How many reports there are, and how many come a second."""
    told = f"{look.report_count:,} reports"
    if look.is_ended or math.isnan(look.rate):
        return told
    return f"{told} ({look.rate:,.0f}/s)" if look.rate >= 1 else f"{told} ({look.rate:.2g}/s)"


def summary(look: Look) -> str:
    """The run in one line."""
    parts = [
        f"{look.name}: {duration(look.elapsed_s)}",
        f"{look.report_count:,} reports",
        states(look),
        f"{look.exploit_count:,} exploits",
    ]
    if look.share is not None and not look.is_ended:
        left = "" if look.left_s is None else f", about {duration(look.left_s)} left"
        parts.append(f"{look.share:.0%}{left}")
    if look.best is not None:
        parts.append(f"best {look.metric} {score(look.best.score)} ({look.best.id})")
    return " | ".join(part for part in parts if part)


def rest(members: Sequence[Member]) -> str:
    """Members that are not shown, in one line."""
    counts = dict.fromkeys(Status, 0)
    for member in members:
        counts[member.status] += 1
    scores = [member.score for member in members if not math.isnan(member.score)]
    told = f"{len(members):,} more: {counted(counts)}"
    if scores:
        told += f", scores {score(min(scores))} to {score(max(scores))}"
    return told


class Chosen(msgspec.Struct, frozen=True):
    """The members of interest in a population that is too large to be shown, and the others."""

    best: list[Member]
    recent: list[Member]
    worst: list[Member]
    others: list[Member]


def chosen(members: Sequence[Member], count: int) -> Chosen:
    """``count`` members of interest: half of them the best, a quarter the worst, all in order.

    The rest are those that were recently changed; more of the best where those are fewer. The worst
    are the worst of those that have reported.

    Args:
        members: In their order of rank.
        count: >= 1.
    """
    if len(members) <= count:
        return Chosen(list(members), [], [], [])
    worst_count = count // 4
    best_count = count - 2 * worst_count
    reported = [it for it in members[best_count:] if it.step > 0]
    worst = reported[max(0, len(reported) - worst_count) :]
    taken = {it.id for it in [*members[:best_count], *worst]}
    recent = [it for it in members if it.is_recent and it.id not in taken][:worst_count]
    taken |= {it.id for it in recent}
    best = list(members[:best_count])
    for member in members[best_count:]:
        if len(best) + len(recent) + len(worst) >= count:
            break
        if member.id not in taken:
            best.append(member)
            taken.add(member.id)
    return Chosen(best, recent, worst, [it for it in members if it.id not in taken])
