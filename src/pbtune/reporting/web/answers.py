"""What each address of the page answers: plain data, from one watched run."""

import csv
import io
import math
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from pbtune.core.exact import encode_metrics, flatten
from pbtune.core.trial import Config
from pbtune.reporting.web.curves import Curves
from pbtune.reporting.web.logs import tail
from pbtune.reporting.web.plain import KEYS_MAX, differences, flat, last_text, plain, rounded, text
from pbtune.reporting.web.population import Member, Node, Segment
from pbtune.reporting.web.watched import Watched

CURVES_MAX: Final = 200
NODES_MAX: Final = 6_000
NOTICES_MAX: Final = 50
NAME_MAX: Final = 200
CATEGORIES_MAX: Final = 100
GRID_MAX: Final = 400
SHOWN_KEYS: Final = 8
SCHEDULE_FORMAT: Final = 1
"""As ``pbtune.tune.Schedule`` reads it."""
_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")


def state(run: Watched, since: int) -> dict[str, Any]:
    """The run, and those of its members and segments that changed after a version.

    Members are named by their numbers, segments as "member.segment". ``is_whole`` tells a page that
    it has to forget what it knew.
    """
    population, header = run.population, run.header
    nodes = list(population.nodes.values())
    shown = nodes[-NODES_MAX:]
    best = run.winner()
    paths = _paths(run)
    return {
        "version": population.version,
        "is_whole": since < run.first_version,
        "name": text(header.name),
        "trainable": text(header.trainable),
        "metric": None if header.metric is None else text(header.metric),
        "mode": header.mode,
        "seed": plain(header.seed),
        "created_at": header.created_at,
        "last_at": run.sizes.at or header.created_at,
        "is_ended": population.is_ended,
        "halted": None if population.halted is None else text(population.halted),
        "report_count": run.sizes.report,
        "exploit_count": len(population.exploits),
        "lineage_count": population.lineage_count,
        "paths": [text(it) for it in paths],
        "metrics": [text(it) for it in run.metrics],
        "best": None if best is None else best.number,
        "lineage": [] if best is None else _lineage(run, best.id),
        "notices": [text(it) for it in population.notices[-NOTICES_MAX:]],
        "members": [
            _member(run, it, paths) for it in population.members.values() if it.version > since
        ],
        "nodes": [_node(run, it) for it in shown if it.version > since],
        "hidden_node_count": len(nodes) - len(shown),
    }


def _paths(run: Watched) -> list[str]:
    """The hyperparameters that are shown: those that the run mutates; else those that differ."""
    if run.header.mutated:
        return list(run.header.mutated)
    configs = [flatten(it.config) for it in run.population.members.values()]
    names = dict.fromkeys(name for config in configs for name in config)
    differ = [it for it in names if any(config.get(it) != configs[0].get(it) for config in configs)]
    return (differ or list(names))[:SHOWN_KEYS]


def _member(run: Watched, member: Member, paths: Sequence[str]) -> dict[str, object]:
    config = flatten(member.config)
    return {
        "number": member.number,
        "name": text(member.id, NAME_MAX),
        "status": member.status.value,
        "step": member.step,
        "score": plain(run.score(member.id)) if run.values(member.id) else None,
        "values": [plain(config.get(path)) for path in paths],
        "parent": None if member.parent is None else _number_of(run, member.parent),
        "failures": member.failures,
        "slot": member.slot,
        "segment": member.segment,
    }


def _number_of(run: Watched, trial: str) -> int:
    return run.population.members[trial].number


def _key(run: Watched, segment: Segment) -> str:
    return f"{_number_of(run, segment[0])}.{segment[1]}"


def _node(run: Watched, node: Node) -> dict[str, object]:
    return {
        "key": _key(run, (node.trial, node.segment)),
        "member": _number_of(run, node.trial),
        "start": node.start_step,
        "end": max(node.start_step, node.end_step),
        "parent": None if node.parent is None else _key(run, node.parent),
        "donor": None if node.parent is None else _number_of(run, node.parent[0]),
        "score": rounded(node.score),
        "kind": node.kind,
        "record": node.record,
        "at": node.at,
        "changes": differences(run.population.before(node), node.config)[:SHOWN_KEYS]
        if node.kind != "created"
        else [],
    }


def _lineage(run: Watched, trial: str) -> list[str]:
    return [_key(run, (node.trial, node.segment)) for node, _ in run.population.pieces(trial)]


def _shown(run: Watched, also: int) -> list[Member]:
    """The best members, and one more by its number; a negative one is nobody."""
    members = run.ranked()[:CURVES_MAX]
    if 0 <= also < len(run.population.ids):
        more = run.population.members[run.population.ids[also]]
        members += [] if more in members else [more]
    return members


def curves(run: Watched, found: Curves, also: int) -> dict[str, Any]:
    """A metric's curves of the best members, and of the one with the number ``also``.

    ``values`` has a line for each of ``members``.
    """
    shown = _shown(run, also)
    steps, values = found.points(it.id for it in shown)
    return {
        "steps": steps,
        "members": [it.number for it in shown],
        "values": [[rounded(it) for it in line] for line in values],
        "size": found.size,
        "is_rough": found.is_rough,
        "is_complete": found.cursor >= run.sizes.report,
        "hidden_count": len(run.population.members) - len(shown),
    }


def schedules(run: Watched, also: int) -> dict[str, Any]:
    """Each shown hyperparameter of the best members as steps on a shared axis."""
    shown = _shown(run, also)
    stretches = [_stretches(run, it.id) for it in shown]
    last = max((it.step for it in run.population.members.values()), default=0)
    steps = sorted({start for found in stretches for start, _ in found} | {0, last})
    if len(steps) > GRID_MAX:
        steps = sorted({round(last * at / GRID_MAX) for at in range(GRID_MAX + 1)})
    parameters = [_parameter(run, path, stretches, steps) for path in _paths(run)]
    return {"steps": steps, "members": [it.number for it in shown], "parameters": parameters}


def _stretches(run: Watched, trial: str) -> list[tuple[int, Config]]:
    """A trial's configs with the step that each began at; a step back hides what came after it."""
    found: list[tuple[int, Config]] = []
    for segment in range(run.population.members[trial].segment + 1):
        node = run.population.nodes[trial, segment]
        while found and found[-1][0] >= node.start_step:
            found.pop()
        found.append((node.start_step, flatten(node.config)))
    return found


def _parameter(
    run: Watched, path: str, stretches: list[list[tuple[int, Config]]], steps: list[int]
) -> dict[str, Any]:
    domain = run.header.domains.get(path, {})
    raw = [
        _sampled([(start, config.get(path)) for start, config in found], steps)
        for found in stretches
    ]
    seen = [value for line in raw for value in line if value is not None]
    categories: list[str] = []
    if any(isinstance(it, bool) or not isinstance(it, (int, float)) for it in seen):
        categories = sorted({str(plain(it)) for it in seen})
        index = {name: at for at, name in enumerate(categories)}
        values = [[None if it is None else index[str(plain(it))] for it in line] for line in raw]
    else:
        values = [[_number(it) for it in line] for line in raw]
    is_positive = all(it is None or it > 0 for line in values for it in line)
    return {
        "path": text(path),
        "is_log": bool(domain.get("log")) and is_positive and not categories,
        "categories": categories[:CATEGORIES_MAX],
        "values": values,
    }


def _number(value: Any) -> float | None:  # noqa: ANN401  a number of some kind
    try:
        return rounded(float(value)) if value is not None and math.isfinite(value) else None
    except OverflowError:
        return None


def _sampled(found: list[tuple[int, object]], steps: list[int]) -> list[object]:
    values: list[object] = []
    at = 0
    for step in steps:
        while at + 1 < len(found) and found[at + 1][0] <= step:
            at += 1
        values.append(found[at][1])
    return values


def member(run: Watched, trial: str) -> dict[str, Any]:
    """One member's story, its config, what each copy changed, its log and its failures."""
    population = run.population
    found = population.members[trial]
    log, is_cut = tail(run.run_dir, trial)
    nodes = [population.nodes[trial, it] for it in range(found.segment + 1)]
    return {
        **_member(run, found, _paths(run)),
        "reason": text(found.reason),
        "attempt": found.attempt,
        "config": flat(found.config),
        "metrics": flat(run.values(trial)),
        "lineage": _lineage(run, trial),
        "history": [
            {**_node(run, it), "differences": _three(run, it)}
            for it in nodes[-100:]
            if it.kind != "created"
        ],
        "failures": [
            {
                "attempt": it.attempt,
                "error": text(it.error),
                "message": text(it.message),
                "traceback": last_text(it.traceback),
            }
            for it in population.failures.get(trial, [])[-20:]
        ],
        "story": [
            {"record": entry.id, "at": entry.at, "text": text(line)}
            for entry, line in run.story(trial)
        ],
        "log": last_text(log),
        "is_log_cut": is_cut,
    }


def _three(run: Watched, node: Node) -> list[dict[str, object]]:
    """What a record changed: the member's own value, the one that was explored, the new one."""
    configs = [node.old_config, run.population.before(node), node.config]
    own, source, new = (flatten(it) for it in configs)
    found: list[dict[str, object]] = []
    for path in {**own, **source, **new}:
        values = [it.get(path) for it in (own, source, new)]
        if any(it != values[0] for it in values):
            told = zip(("own", "source", "new"), map(plain, values), strict=True)
            found.append({"path": text(path), **dict(told)})
    return found[:KEYS_MAX]


def schedule_json(run: Watched, trial: str) -> bytes:
    """A member's schedule, as ``pbtune.tune.Schedule.from_json`` reads it."""
    data = {
        "format": SCHEDULE_FORMAT,
        "run": run.header.name,
        "trial": trial,
        "mutated": list(run.header.mutated),
        "pieces": [
            {"trial": node.trial, "start_step": start, "end_step": end, "config": node.config}
            for node, start, end in _pieces(run, trial)
        ],
    }
    return msgspec.json.format(encode_metrics(data), indent=2) + b"\n"


def schedule_csv(run: Watched, trial: str) -> bytes:
    """A member's schedule as a table. Text that a spreadsheet would run as a formula is quoted."""
    rows = [
        {
            "trial": node.trial,
            "start_step": start,
            "end_step": end,
            **{f"config/{name}": plain(value) for name, value in flatten(node.config).items()},
        }
        for node, start, end in _pieces(run, trial)
    ]
    out = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([_cell(name) for name in names])
    writer.writerows([_cell(row.get(name)) for name in names] for row in rows)
    return out.getvalue().encode("utf-8", "replace")


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULAS) else value


def _pieces(run: Watched, trial: str) -> list[tuple[Node, int, int]]:
    """Each piece with the steps that it trained: start < step <= end."""
    found: list[tuple[Node, int, int]] = []
    start = 0
    for node, end in run.population.pieces(trial):
        last = max(start, run.population.members[trial].step) if end is None else end
        found.append((node, start, last))
        start = last
    return found
