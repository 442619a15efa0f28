"""The lineage as Ray Tune writes it: ``pbt_global.txt`` and ``pbt_policy_<trial>.txt``.

One JSON array a copy: [the copy's tag, the donor's tag, the copy's iteration, the donor's
iteration, the donor's config, the new config]. A policy file holds every row that led to where its
trial stands, through all donors, so that ``PopulationBasedTrainingReplay`` follows it without a
gap. All are made anew from the journal each time: no row is missing, and none is there twice.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pbtune.core import decisions as d
from pbtune.core.values import Ref
from pbtune.journal.base import Entry
from pbtune.journal.glance import entries_and_savings, kind_counts
from pbtune.journal.reader import JournalReader
from pbtune.reporting.observed import experiment_tag
from pbtune.reporting.web.population import KINDS, Population, Segment

GLOBAL_NAME: Final = "pbt_global.txt"
POLICY_NAME: Final = "pbt_policy_{}.txt"


def policies(reader: JournalReader) -> dict[str, str]:
    """The files of a run, by name; none if nobody was copied."""
    if not kind_counts(reader).get("exploited"):
        return {}
    population, tags = Population(), dict[str, str]()
    rows: dict[Segment, str] = {}
    for entry in entries_and_savings(reader, KINDS):
        population.take_all([entry])
        record = entry.record if isinstance(entry, Entry) else None
        if isinstance(record, d.Created):
            tags[record.trial] = experiment_tag(record.index, record.evaluated)
        elif isinstance(record, d.Exploited):
            segment = (record.trial, population.members[record.trial].segment)
            rows[segment] = _row(population, segment, record, tags)
    files = {GLOBAL_NAME: "".join(rows.values())}
    for trial, member in population.members.items():
        chain = _chain(population, (trial, member.segment), rows)
        if chain:
            files[POLICY_NAME.format(trial)] = chain
    return files


def _row(
    population: Population, segment: Segment, record: d.Exploited, tags: Mapping[str, str]
) -> str:
    parent = population.nodes[segment].parent
    before = record.config if parent is None else population.nodes[parent].config
    row = [
        tags[record.trial],
        tags[record.donor],
        record.old_step,
        record.step,
        before,
        record.config,
    ]
    return f"{json.dumps(row, default=_shown)}\n"


def _chain(population: Population, segment: Segment, rows: Mapping[Segment, str]) -> str:
    """The rows that led to a segment, the oldest first."""
    found: list[str] = []
    at: Segment | None = segment
    while at is not None:
        if at in rows:
            found.append(rows[at])
        at = population.nodes[at].parent
    return "".join(reversed(found))


def _shown(value: object) -> str:
    """What JSON lacks, as text; an object of the user's by its name in the search space."""
    return value.path if isinstance(value, Ref) else str(value)


def write_policies(run_dir: Path) -> None:
    """Make a run's files say what its journal says.

    Raises:
        OSError: If the folder can't be written.
    """
    with JournalReader(run_dir) as reader, reader.snapshot():
        files = policies(reader)
    for path in run_dir.glob(POLICY_NAME.format("*")):
        if path.name not in files:
            path.unlink()
    for name, text in files.items():
        new = run_dir / f".{name}.new"
        new.write_text(text, encoding="utf-8")
        os.replace(new, run_dir / name)  # noqa: PTH105  Path.replace would hide that it is atomic
