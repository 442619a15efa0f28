# ruff: noqa: ARG002  hooks are told more than each one needs
"""``progress.csv`` in each trial's folder, as Tune writes it.

Departures from Ray Tune 2.60: a column that appears late is kept, and the rows before it are empty
there; no step of a segment is there twice.
"""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, TextIO, final

from pbtune.core.exact import flatten
from pbtune.reporting.observed import ObservedTrial
from pbtune.tune.callback import Trials
from pbtune.tune.logger.logger import LoggerCallback

PROGRESS_NAME: Final = "progress.csv"


@final
class Table:
    """One CSV file that may get wider."""

    def __init__(self, path: Path, rows: Iterable[dict[str, Any]]) -> None:
        self._path = path
        self._columns: dict[str, None] = {}
        self._file: TextIO | None = None
        flat = [_flat(row) for row in rows]
        if flat:
            self._widen(dict.fromkeys(key for row in flat for key in row), flat)

    def add(self, row: dict[str, Any]) -> None:
        """One more row, with new columns if it has any."""
        flat = _flat(row)
        if self._file is None or not self._columns.keys() >= flat.keys():
            self._widen({**self._columns, **dict.fromkeys(flat)}, self._read())
        if self._file is not None:
            self._writer(self._file).writerow(flat)
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _read(self) -> list[dict[str, str]]:
        if not self._columns:
            return []
        with self._path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def _widen(self, columns: dict[str, None], rows: Iterable[dict[str, Any]]) -> None:
        """Write the file anew, in one move, and stay at its end."""
        self.close()
        self._columns = columns
        new = self._path.with_name(f"{PROGRESS_NAME}.new")
        self._file = new.open("w", encoding="utf-8", newline="")
        writer = self._writer(self._file)
        writer.writeheader()
        writer.writerows(rows)
        self._file.flush()
        new.replace(self._path)

    def _writer(self, file: TextIO) -> "csv.DictWriter[str]":
        return csv.DictWriter(file, list(self._columns), lineterminator="\n")


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    return flatten({key: value for key, value in row.items() if key != "config"})


class CSVLoggerCallback(LoggerCallback):
    """One row per report, nested keys joined by '/', without the config."""

    def __init__(self) -> None:
        self._tables: dict[str, Table] = {}

    def log_trial_start(self, trial: ObservedTrial) -> None:
        """Begin a file that has every report so far; what a new attempt does again goes first."""
        if trial.trial_id not in self._tables or trial.is_redone:
            self._open(trial)

    def log_trial_result(
        self, iteration: int, trial: ObservedTrial, result: dict[str, Any]
    ) -> None:
        """See the base class."""
        if trial.trial_id not in self._tables:
            # The start was told in an earlier session; this row is among the trial's.
            self._open(trial)
            return
        self._tables[trial.trial_id].add(result)

    def log_trial_end(
        self,
        trial: ObservedTrial,
        failed: bool = False,  # noqa: FBT001, FBT002  Tune's own signature
    ) -> None:
        """See the base class."""
        table = self._tables.pop(trial.trial_id, None)
        if table is not None:
            table.close()

    def on_experiment_end(self, trials: Trials, **info: object) -> None:
        """Close what is still open: a run may end before its trials."""
        for trial in trials:
            self.log_trial_end(trial)

    def _open(self, trial: ObservedTrial) -> None:
        self.log_trial_end(trial)
        trial.init_local_path()
        path = Path(trial.local_path, PROGRESS_NAME)
        self._tables[trial.trial_id] = Table(path, trial.rows())
