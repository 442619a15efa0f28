"""The files that Tune writes into a trial's folder, made from the journal when a run closes.

    params.json  params.pkl    the config that the trial ended with
    result.json  progress.csv  every report, one a line
    error.txt    error.pkl     every failure, and the last one as an exception

They are for scripts that read them; pbtune reads none. Whoever wants them while a run trains passes
``JsonLoggerCallback`` and ``CSVLoggerCallback``. Each is written anew, in one move.
"""

import csv
import io
import os
import pickle
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, cast

import msgspec

from pbtune.core.exact import flatten
from pbtune.core.trial import Trial
from pbtune.core.values import resolved
from pbtune.errors import SettingsError, TrialFailed
from pbtune.journal.reader import JournalReader
from pbtune.reporting.observed import ObservedTrial
from pbtune.reporting.rows import TrialRows
from pbtune.reporting.snapshot import RunView
from pbtune.tune.logger.encoding import dumps
from pbtune.tune.result import (
    EXPR_ERROR_FILE,
    EXPR_ERROR_PICKLE_FILE,
    EXPR_PARAM_FILE,
    EXPR_PARAM_PICKLE_FILE,
    EXPR_PROGRESS_FILE,
    EXPR_RESULT_FILE,
)

SWITCH: Final = "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"
"""Tune's variable for leaving such files out: "1"."""
_encode: Final = msgspec.json.Encoder().encode


def write_trial_files(
    run_dir: Path,
    objects: Mapping[str, object],
    dirname_of: Callable[[ObservedTrial], str] | None = None,
) -> None:
    """Write the files of all trials.

    Args:
        run_dir: The run's folder.
        objects: The user's objects that configs refer to, by path, as they may be seen.
        dirname_of: Gives a second name to a trial's folder, as ``TuneConfig`` describes it.

    Raises:
        SettingsError: If such a name can't name a folder in the run's.
    """
    if os.environ.get(SWITCH) == "1":
        return
    with JournalReader(run_dir) as reader, reader.snapshot():
        view = RunView(reader)
        for trial in view.trials:
            folder = run_dir / trial.id
            folder.mkdir(mode=0o700, exist_ok=True)
            _write_config(folder, cast("dict[str, Any]", resolved(trial.config, objects)))
            own = _Configs(objects)
            rows = TrialRows(view, reader.reports(trial.id))
            _write_rows(folder, rows, own)
            _write_failures(folder, view, trial)
            if dirname_of is not None:
                _link(run_dir, view, trial, dirname_of)


def _write_config(folder: Path, config: dict[str, Any]) -> None:
    _put(folder / EXPR_PARAM_FILE, dumps(config, indent=2, sort_keys=True).encode())
    # The boundary of user code: __reduce__ of the user's objects may raise anything.
    try:
        body = pickle.dumps(config)
    except Exception:  # noqa: BLE001
        import cloudpickle  # noqa: PLC0415  heavy, and few configs need it

        try:
            body = cloudpickle.dumps(config)
        except Exception:  # noqa: BLE001  the same boundary
            return
    _put(folder / EXPR_PARAM_PICKLE_FILE, body)


class _Configs:
    """A trial's configs as JSON, each made once: most rows share theirs."""

    def __init__(self, objects: Mapping[str, object]) -> None:
        self._objects = objects
        self._made: dict[int, tuple[object, msgspec.Raw]] = {}

    def __call__(self, config: object) -> msgspec.Raw:
        """The JSON of a config."""
        known = self._made.get(id(config))
        if known is None:
            known = config, msgspec.Raw(dumps(resolved(config, self._objects)).encode())
            self._made[id(config)] = known
        return known[1]


def _write_rows(folder: Path, rows: TrialRows, config_of: _Configs) -> None:
    if not len(rows):
        return
    lines: list[bytes] = []
    table = _Table()
    for row in rows:
        config = row.pop("config")
        table.add(row)
        row["config"] = config_of(config)
        lines.append(_line(row))
    _put(folder / EXPR_RESULT_FILE, b"\n".join([*lines, b""]))
    _put(folder / EXPR_PROGRESS_FILE, table.body())


def _line(row: dict[str, object]) -> bytes:
    """One row as Tune's JSON, where NaN and infinities are bare."""
    if all(_is_plain(value) for value in row.values()):
        return _encode(row)
    config = cast("msgspec.Raw", row.pop("config"))
    body = dumps(row).encode()
    return b"".join([body[:-1], b', "config": ', bytes(config), b"}"])


def _is_plain(value: object) -> bool:
    kind = type(value)
    if kind is float:
        # NaN and infinities are what differs from itself, or from its half.
        return value - value == 0  # type: ignore[operator]
    return kind is int or kind is str or kind is bool or value is None or kind is msgspec.Raw


class _Table:
    """Rows as CSV; a column that appears late is empty in the rows before it."""

    def __init__(self) -> None:
        self._columns: dict[str, None] = {}
        self._rows: list[dict[str, object]] = []

    def add(self, row: dict[str, object]) -> None:
        """One more row."""
        is_flat = not any(isinstance(value, dict) for value in row.values())
        flat = dict(row) if is_flat else flatten(row)
        if not self._columns.keys() >= flat.keys():
            self._columns.update(dict.fromkeys(flat))
        self._rows.append(flat)

    def body(self) -> bytes:
        """The whole file."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(self._columns)
        writer.writerows(self._values())
        return out.getvalue().encode(errors="backslashreplace")

    def _values(self) -> Iterator[Iterable[object]]:
        for row in self._rows:
            yield [row.get(name, "") for name in self._columns]


def _write_failures(folder: Path, view: RunView, trial: Trial) -> None:
    failures = view.failures.get(trial.id)
    if not failures:
        return
    parts: list[str] = []
    times_s = view.failed_at[trial.id]
    for number, (at_s, failed) in enumerate(zip(times_s, failures, strict=True), 1):
        when = time.strftime("%Y-%m-%d_%H-%M-%S", time.localtime(at_s))
        told = failed.traceback or f"{failed.error}: {failed.message}\n"
        parts.append(f"Failure # {number} (occurred at {when})\n{told.rstrip()}\n")
    last = failures[-1]
    error = TrialFailed.of(trial.id, last.error, last.message, last.traceback)
    _put(folder / EXPR_ERROR_FILE, "".join(parts).encode(errors="backslashreplace"))
    _put(folder / EXPR_ERROR_PICKLE_FILE, pickle.dumps(error))


def _link(
    run_dir: Path, view: RunView, trial: Trial, dirname_of: Callable[[ObservedTrial], str]
) -> None:
    evaluated = view.created[trial.id].evaluated
    observed = ObservedTrial(run_dir, view.trainable, trial, evaluated, lambda _: [])
    name = dirname_of(observed)
    if not isinstance(name, str) or set(name) & set("/\0") or name in {"", ".", ".."}:  # pyright: ignore[reportUnnecessaryIsInstance]
        message = f"trial_dirname_creator gave {name!r}, which can't name a folder: use no slash"
        raise SettingsError(message)
    path = run_dir / name
    if not path.exists():
        path.symlink_to(trial.id, target_is_directory=True)


def _put(path: Path, body: bytes) -> None:
    new = path.with_name(f".{path.name}.new")
    new.write_bytes(body)
    new.replace(path)
