"""``Schedule``: which hyperparameters led to a result, and from which step to which.

Population based training's own result: one run gives a schedule, and a schedule can be trained
again without a population, by any program that can read JSON.
"""

import copy
import csv
import functools
import html
import io
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast, final

import msgspec

from pbtune.core.exact import decode_metrics, encode_metrics, flatten
from pbtune.core.trial import Config
from pbtune.core.values import Ref, resolved
from pbtune.errors import NoResult, SettingsError
from pbtune.journal.reader import JournalReader
from pbtune.reporting.lineage import lineage, winner
from pbtune.reporting.snapshot import RunView
from pbtune.tune.optional import pandas
from pbtune.tune.schedule_picture import draw
from pbtune.tune.schedule_text import cell, written

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

FORMAT: Final = 1
"""Of ``to_dict`` and ``to_json``; a higher one is refused."""
_SHOWN_MAX: Final = 4
_MISSING: Final = object()


class SchedulePiece(msgspec.Struct, frozen=True):
    """One config, which trained the steps ``start_step`` < step <= ``end_step``.

    ``trial`` is the member that did it.
    """

    start_step: int
    end_step: int
    config: Config
    trial: str = ""


@final
class Schedule:
    """A trial's hyperparameters over its training steps, back through all copies.

    Steps are those of ``training_iteration``: the first report is step 1. Before the first step
    the first config holds, and after the last step the last one.

    Args:
        pieces: In order, without gaps.
        trial: Whose schedule it is.
        run: The run's name.
        mutated: '/'-joined paths of the hyperparameters that the run mutates.
        objects: The user's own objects that configs refer to, by path; they are not stored.

    Raises:
        SettingsError: If the pieces don't follow each other.
    """

    def __init__(
        self,
        pieces: Sequence[SchedulePiece],
        *,
        trial: str = "",
        run: str = "",
        mutated: tuple[str, ...] = (),
        objects: Mapping[str, object] | None = None,
    ) -> None:
        self.pieces = tuple(pieces)
        self.trial = trial
        self.run = run
        self.mutated = tuple(mutated)
        self._objects = _Objects(objects or {})
        ends = [0, *(piece.end_step for piece in self.pieces)]
        starts = [piece.start_step for piece in self.pieces]
        if not starts or starts != ends[:-1] or sorted(ends) != ends:
            shown = ", ".join(f"{it.start_step} to {it.end_step}" for it in self.pieces) or "none"
            message = f"a schedule's pieces must follow each other from step 0 on, not {shown}"
            raise SettingsError(message)

    @classmethod
    def from_run(
        cls,
        run_dir: str | os.PathLike[str],
        trial: str | None = None,
        objects: Mapping[str, object] | None = None,
    ) -> "Schedule":
        """The schedule of a run's trial, read from its journal; the run may still be training.

        Args:
            run_dir: The run's folder.
            trial: The trial's id; the winner's if it is left out.
            objects: The user's own objects that configs refer to, by path.

        Raises:
            NoResult: If there is no such trial, or no winner.
            RunUnreadable: If the folder is no run.
        """
        with JournalReader(Path(run_dir)) as reader, reader.snapshot():
            view = RunView(reader)
            if trial is None:
                best = winner(view, reader)
                if best is None:
                    message = f"{run_dir} has no winner so far: name a trial, as in trial='t0'"
                    raise NoResult(message)
                trial = best.id
            if trial not in view.experiment.trials:
                has = ", ".join(it.id for it in view.trials) or "none"
                message = f"{run_dir} has no trial {trial!r}; it has {has}"
                raise NoResult(message)
            last = reader.last_reports().get(trial)
        found = lineage(view, trial)
        start = found[-1].start_step
        last_step = start if last is None else max(start, last.step)
        pieces = [
            SchedulePiece(
                it.start_step,
                last_step if math.isinf(it.end_step) else int(it.end_step),
                view.configs[it.trial, it.segment],
                it.trial,
            )
            for it in found
        ]
        header = view.header
        return cls(pieces, trial=trial, run=header.name, mutated=header.mutated, objects=objects)

    @property
    def end_step(self) -> int:
        """The last step that was trained."""
        return self.pieces[-1].end_step

    @property
    def keys(self) -> list[str]:
        """The '/'-joined paths that the run mutates; else those whose values differ."""
        flat = [flatten(piece.config) for piece in self.pieces]
        names = list(dict.fromkeys(name for it in flat for name in it))
        if any(name in names for name in self.mutated):
            return [name for name in self.mutated if name in names]
        return [name for name in names if any(it.get(name) != flat[0].get(name) for it in flat)]

    def at(self, step: float) -> dict[str, Any]:
        """The whole config that trained a step; a copy, with the user's own objects in place."""
        return cast("Config", resolved(self._piece(step).config, self._objects))

    def _piece(self, step: float) -> SchedulePiece:
        if step != step:  # noqa: PLR0124  NaN
            message = "a schedule has no step NaN"
            raise SettingsError(message)
        for piece in self.pieces:
            if step <= piece.end_step:
                return piece
        return self.pieces[-1]

    def value(self, key: str, step: float) -> Any:  # noqa: ANN401  whatever the config holds
        """One hyperparameter at a step.

        Args:
            key: Its name; nested ones '/'-joined.
            step: A training step; the first is 1.

        Raises:
            SettingsError: If the config has no such key.
        """
        config = self._piece(step).config
        found = _found(config, key)
        if found is _MISSING:
            has = ", ".join(sorted(flatten(config))) or "nothing"
            message = f"the schedule has no {key!r} at step {step}; it has {has}"
            raise SettingsError(message)
        return resolved(found, self._objects)

    def __call__(self, step: float) -> Any:  # noqa: ANN401  whatever the config holds
        """The one hyperparameter that the run mutates, at a step; ``function`` is for several.

        Raises:
            SettingsError: If the run mutates none, or several.
        """
        names = self.keys
        if len(names) != 1:
            has = ", ".join(names) or "none"
            message = (
                f"the schedule can be called if one hyperparameter changes; here {has} do:"
                f" use schedule.function(NAME)"
            )
            raise SettingsError(message)
        return self.value(names[0], step)

    def function(self, key: str, *, first: int = 1) -> Callable[[float], Any]:
        """One hyperparameter as a function of the step, such as a learning rate's.

        Args:
            key: Its name; nested ones '/'-joined.
            first: What the caller's first step is called: 1 as here, 0 as in most frameworks.

        Raises:
            SettingsError: If the config has no such key.
        """
        self.value(key, 1)
        return functools.partial(_value_at, self, key, 1 - first)

    def to_dict(self) -> dict[str, Any]:
        """Plain data that ``from_dict`` takes back."""
        return {
            "format": FORMAT,
            "run": self.run,
            "trial": self.trial,
            "mutated": list(self.mutated),
            "pieces": [
                {
                    "trial": it.trial,
                    "start_step": it.start_step,
                    "end_step": it.end_step,
                    "config": copy.deepcopy(it.config),
                }
                for it in self.pieces
            ],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Schedule":
        """What ``to_dict`` gave.

        Raises:
            SettingsError: If it is no schedule, or one of a newer format.
        """
        if data.get("format") != FORMAT:
            message = f"this is no schedule of format {FORMAT}: its format is {data.get('format')}"
            raise SettingsError(message)
        try:
            pieces = msgspec.convert(data["pieces"], list[SchedulePiece])
            mutated = msgspec.convert(data["mutated"], tuple[str, ...])
            return cls(pieces, trial=data["trial"], run=data["run"], mutated=mutated)
        except (KeyError, msgspec.ValidationError) as error:
            message = f"this is no schedule: {error}"
            raise SettingsError(message) from error

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """JSON text, which is also written to a file if one is named; ``from_json`` reads it.

        What JSON lacks (NaN, infinities, tuples) is written as {"$float": "nan"} and the like.
        """
        body = msgspec.json.format(encode_metrics(self.to_dict()), indent=2)
        return written(f"{body.decode()}\n", path)

    @classmethod
    def from_json(cls, source: str | os.PathLike[str]) -> "Schedule":
        """What ``to_json`` gave: the text, or the path of a file.

        Raises:
            SettingsError: If it is no schedule.
            OSError: If the file can't be read.
        """
        text = os.fspath(source)
        if not text.lstrip().startswith("{"):
            text = Path(text).read_text(encoding="utf-8")
        try:
            return cls.from_dict(decode_metrics(text))
        except msgspec.DecodeError as error:
            message = f"this is no schedule: {error}"
            raise SettingsError(message) from error

    def rows(self) -> list[dict[str, object]]:
        """One row a piece: trial, start_step, end_step, and config/NAME for each value."""
        return [
            {
                "trial": it.trial,
                "start_step": it.start_step,
                "end_step": it.end_step,
                **{f"config/{name}": value for name, value in flatten(it.config).items()},
            }
            for it in self.pieces
        ]

    def to_csv(self, path: str | os.PathLike[str] | None = None) -> str:
        """The rows as CSV text, which is also written to a file if one is named."""
        rows = self.rows()
        out = io.StringIO()
        names = list(dict.fromkeys(name for row in rows for name in row))
        writer = csv.DictWriter(out, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: cell(value) for name, value in row.items()} for row in rows)
        return written(out.getvalue(), path)

    def to_dataframe(self) -> "DataFrame":
        """``rows`` as a data frame. Needs pandas."""
        return pandas().DataFrame(self.rows())

    def plot(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        keys: list[str] | None = None,
    ) -> "Figure":
        """Draw the hyperparameters over the steps, one below the other. Needs matplotlib.

        Args:
            path: Where to write the picture; its ending chooses the format. None writes nothing.
            keys: The hyperparameters to draw; by default those that the run mutates.

        Raises:
            SettingsError: If there is nothing to draw, or the picture can't be written.
        """
        names = self.keys if keys is None else keys
        if not names:
            has = ", ".join(sorted(flatten(self.pieces[0].config))) or "nothing"
            message = f"nothing in this schedule changes: name the keys to draw; it has {has}"
            raise SettingsError(message)
        for name in names:
            self.value(name, self.end_step)
        found = {name: [_found(piece.config, name) for piece in self.pieces] for name in names}
        series = {
            name: ["-" if it is _MISSING else it for it in values] for name, values in found.items()
        }
        edges = [0, *(piece.end_step for piece in self.pieces)]
        return draw(f"the schedule of {self.trial} in {self.run}", edges, series, path)

    def __len__(self) -> int:
        """How many pieces there are."""
        return len(self.pieces)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Schedule):
            return NotImplemented
        return self.to_json() == other.to_json()

    def __hash__(self) -> int:
        return hash((self.run, self.trial, self.end_step, len(self.pieces)))

    def __repr__(self) -> str:
        count = len(self.pieces)
        parts = [f"{count} piece{'s' if count != 1 else ''} to step {self.end_step}"]
        for name in self.keys[:_SHOWN_MAX]:
            first, last = (_found(self.pieces[at].config, name) for at in (0, -1))
            parts.append(f"{name} {_short(first)} → {_short(last)}")
        return f"<Schedule of {self.trial or 'a trial'}: {', '.join(parts)}>"

    def _repr_html_(self) -> str:
        """A table, in a notebook."""
        names = self.keys
        heads = "".join(f"<th>{html.escape(it)}</th>" for it in ["steps", "trial", *names])
        lines: list[str] = []
        for piece in self.pieces:
            cells = [f"{piece.start_step + 1} to {piece.end_step}", piece.trial]
            cells += [_short(_found(piece.config, name)) for name in names]
            lines.append("".join(f"<td>{html.escape(cell)}</td>" for cell in cells))
        body = "".join(f"<tr>{line}</tr>" for line in lines)
        return f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"


@final
class _Objects(dict[str, object]):
    """The user's objects by path; one that is not there stays the name that stands for it."""

    def __missing__(self, path: str) -> object:
        return Ref(path)


def _value_at(schedule: Schedule, key: str, offset: int, step: float) -> object:
    return schedule.value(key, step + offset)


def _found(config: object, key: str) -> object:
    """The value under a '/'-joined path; a marker if there is none."""
    if isinstance(config, Mapping) and key in config:
        return cast("Mapping[str, object]", config)[key]
    for part in key.split("/"):
        if not isinstance(config, Mapping) or part not in config:
            return _MISSING
        config = cast("Mapping[str, object]", config)[part]
    return config


def _short(value: object) -> str:
    if value is _MISSING:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Ref):
        return value.path
    return str(value)
