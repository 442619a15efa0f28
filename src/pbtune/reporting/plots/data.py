"""What pictures are drawn from: a run's reports by segment, read once and reduced to numbers."""

import math
import os
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Protocol, cast

import msgspec

from pbtune.core.trial import Config
from pbtune.errors import NoResult, SettingsError
from pbtune.journal.reader import JournalReader
from pbtune.reporting.lineage import Piece, lineage, number, winner
from pbtune.reporting.snapshot import RunView


class HasFolder(Protocol):
    """A ``ResultGrid``, or what else knows its run's folder."""

    @property
    def experiment_path(self) -> str:
        """The run's folder."""
        ...


class Series(msgspec.Struct, frozen=True):
    """One segment's points: ``values[metric][i]`` stands at ``steps[i]``; NaN if it is missing."""

    trial: str
    segment: int
    steps: list[int]
    values: dict[str, list[float]]

    @property
    def key(self) -> tuple[str, int]:
        """(trial, segment)."""
        return self.trial, self.segment


class Data(msgspec.Struct, frozen=True):
    """A run as pictures need it.

    Attributes:
        view: The run's records.
        metric: What is drawn as the score: the run's metric, else the first number reported.
        metrics: Which metrics were read.
        keys: What the first report had.
        series: By (trial, segment), in the order of the first reports.
        pieces: The winner's lineage; empty if nothing can be compared.
    """

    view: RunView
    metric: str
    metrics: tuple[str, ...]
    keys: list[str]
    series: dict[tuple[str, int], Series]
    pieces: list[Piece]

    @property
    def winner(self) -> str | None:
        """The winner's id."""
        return self.pieces[-1].trial if self.pieces else None

    @property
    def is_falling(self) -> bool:
        """Whether a smaller score is better."""
        return self.view.header.mode == "min"

    def last_step(self, piece: Piece) -> int:
        """Where a piece ends: the last one ends at its last report."""
        if not math.isinf(piece.end_step):
            return int(piece.end_step)
        series = self.series.get((piece.trial, piece.segment))
        return piece.start_step if series is None else max(series.steps)

    def along(self, metric: str) -> tuple[list[int], list[float]]:
        """A metric along the winner's lineage."""
        steps: list[int] = []
        values: list[float] = []
        for piece in self.pieces:
            series = self.series.get((piece.trial, piece.segment))
            if series is None:
                continue
            for step, value in zip(series.steps, series.values[metric], strict=True):
                if piece.start_step < step <= piece.end_step:
                    steps.append(step)
                    values.append(value)
        return steps, values

    def last_scores(self) -> dict[str, float]:
        """Each member's last score, where it is a number."""
        found: dict[str, float] = {}
        for trial in self.view.trials:
            series = self.series.get((trial.id, trial.segment))
            # A copy that has not reported yet stands where it stood.
            for segment in range(trial.segment - 1, -1, -1):
                series = series or self.series.get((trial.id, segment))
            if series is not None and not math.isnan(series.values[self.metric][-1]):
                found[trial.id] = series.values[self.metric][-1]
        return found

    def config(self, key: tuple[str, int]) -> Config:
        """A segment's hyperparameters."""
        return self.view.configs[key]


Run = str | os.PathLike[str] | HasFolder | Data
"""What a picture is drawn of: a run's folder, its results, or what ``read`` gave."""


def folder_of(run: str | os.PathLike[str] | HasFolder) -> Path:
    """The run's folder."""
    if isinstance(run, (str, os.PathLike)):
        return Path(run)
    return Path(run.experiment_path)


def read(run: Run, metrics: tuple[str, ...] = ()) -> Data:
    """Everything that a picture of a run needs.

    Args:
        run: Its folder, or its results; it may still be training. What was read is given back.
        metrics: What to read besides the score.

    Raises:
        NoResult: If nothing was reported yet.
        RunUnreadable: If the folder is no run.
    """
    if isinstance(run, Data):
        return run
    run_dir = folder_of(run)
    with JournalReader(run_dir) as reader, reader.snapshot():
        view = RunView(reader)
        first = next(reader.reports(), None)
        if first is None:
            message = f"{run_dir} has no reports yet: there is nothing to draw"
            raise NoResult(message)
        keys = first.metrics()
        metric = view.header.metric or next(
            (key for key, value in keys.items() if is_number(value)), "training_iteration"
        )
        names = tuple(dict.fromkeys([metric, *metrics]))
        series = _series(reader, names)
        best = winner(view, reader)
    pieces = [] if best is None else lineage(view, best.id)
    return Data(view, metric, names, sorted(keys), series, pieces)


def _series(reader: JournalReader, names: tuple[str, ...]) -> dict[tuple[str, int], Series]:
    found: dict[tuple[str, int], Series] = {}
    for report in reader.reports():
        key = report.trial, report.segment
        series = found.get(key)
        if series is None:
            series = found[key] = Series(*key, [], {name: [] for name in names})
        series.steps.append(report.step)
        metrics = report.metrics()
        for name in names:
            known = report.step if name == "training_iteration" else math.nan
            value = number(metrics, name)
            series.values[name].append(known if math.isnan(value) else value)
    return found


def is_number(value: object) -> bool:
    """Whether it can stand on a numeric axis; a truth value is a category."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def at(config: object, path: str) -> object:
    """The value under a '/'-joined path; None if there is none."""
    if isinstance(config, Mapping) and path in config:
        return cast("Mapping[str, object]", config)[path]
    value = config
    for key in path.split("/"):
        value = cast("Mapping[str, object]", value).get(key) if isinstance(value, Mapping) else None
    return value


class Scale(msgspec.Struct, frozen=True):
    """How a hyperparameter is drawn: on a linear or logarithmic axis, or as levels.

    ``levels`` are the values of one that is no number, in a fixed order; else empty.
    """

    name: str
    levels: tuple[object, ...] = ()
    is_log: bool = False

    def place(self, value: object) -> float:
        """Where a value stands on the axis; NaN for one that can't."""
        if self.levels:
            found = [at_ for at_, level in enumerate(self.levels) if level == value]
            return float(found[0]) if found else math.nan
        return float(cast("float", value)) if is_number(value) else math.nan

    def even(self, value: object) -> float:
        """``place``, on a scale where equal factors are equal distances if it is logarithmic."""
        place = self.place(value)
        return (math.log10(place) if place > 0 else math.nan) if self.is_log else place


def scale(view: RunView, name: str) -> Scale:
    """How to draw a hyperparameter of a run.

    Raises:
        SettingsError: If no config has it.
    """
    values = [at(config, name) for config in view.configs.values()]
    present = [value for value in values if value is not None]
    if not present:
        known = ", ".join(sorted({key for it in view.configs.values() for key in it})) or "none"
        message = f"no config has {name!r}; there are {known}"
        raise SettingsError(message)
    if not all(is_number(value) for value in present):
        distinct: list[object] = []
        for value in present:
            if value not in distinct:
                distinct.append(value)
        return Scale(name, tuple(sorted(distinct, key=lambda it: (str(type(it)), str(it)))))
    is_positive = min(cast("list[float]", present)) > 0
    return Scale(name, is_log=bool(view.header.domains.get(name, {}).get("log")) and is_positive)


def hyperparameters(view: RunView) -> list[str]:
    """What the run mutates; without mutations, what differs between members."""
    if view.header.mutated:
        return [name for name in view.header.mutated if _has(view, name)]
    firsts = [trial.first or trial.config for trial in view.trials]
    names = dict.fromkeys(key for config in firsts for key in config)
    return [name for name in names if any(at(a, name) != at(b, name) for a, b in pairwise(firsts))]


def _has(view: RunView, name: str) -> bool:
    return any(at(config, name) is not None for config in view.configs.values())


def starts(data: Data) -> Iterator[tuple[Series, int]]:
    """Each segment with the step that it begins after."""
    begins = {(it.record.trial, it.segment): it.record.step for it in data.view.exploits}
    for key, series in data.series.items():
        yield series, begins.get(key, min(series.steps) - 1)
