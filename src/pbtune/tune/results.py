"""``ResultGrid`` and ``Result``: what ``fit`` gives back, read from the run's journal."""

import math
import os
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, final

import msgspec

from pbtune.checkpoints.checkpoint import Checkpoint
from pbtune.core.exact import flatten
from pbtune.core.trial import ENDED, Status, Trial
from pbtune.core.values import looks_secret, resolved
from pbtune.errors import NoResult, SettingsError, TrialFailed
from pbtune.journal.reader import JournalReader
from pbtune.reporting import html
from pbtune.reporting.observed import experiment_tag
from pbtune.reporting.rows import TrialRows
from pbtune.reporting.snapshot import RunView
from pbtune.tune.modes import check_mode
from pbtune.tune.optional import pandas
from pbtune.tune.run_facts import SCOPES, AbstractRunReader, RunFacts
from pbtune.tune.schedule import Schedule
from pbtune.tune.urls import check_local

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame


@final
class Result:
    """One trial's result.

    Attributes:
        metrics: The last report, with the keys that Tune fills in; None if there was none.
        config: The hyperparameters that the trial ended with.
        checkpoint: The newest state to go on from; None if there is none.
        path: The trial's folder.
        error: The exception that ended the trial; None if it ended well.
        best_checkpoints: [(checkpoint, metrics)] of those that are kept, the worst score first.
        schedule: The hyperparameters that led here, from the first step on.
    """

    def __init__(
        self,
        trial: Trial,
        rows: TrialRows,
        error: TrialFailed | None,
        run: RunFacts,
    ) -> None:
        run_dir = run.run_dir
        self._run = run
        self.trial_id = trial.id
        self.metrics: dict[str, Any] | None = None
        if rows:
            self.metrics = {**rows[-1], "experiment_tag": run.tag}
            if trial.status is Status.DONE:
                self.metrics["done"] = True
        self.error = error
        self.path = str(run_dir / trial.id)
        self.filesystem = None
        self.config: dict[str, Any] = trial.config
        point = trial.restore
        self.checkpoint = None if point is None else Checkpoint(str(run_dir / point.checkpoint))
        names = [keep.checkpoint for keep in trial.kept]
        by_name = rows.of_checkpoints(names)
        kept: list[tuple[Checkpoint, dict[str, Any]]] = [
            (Checkpoint(str(run_dir / name)), by_name.get(name, {})) for name in names
        ]
        attribute = run.score_attribute
        if attribute is not None:
            kept.sort(key=lambda pair: _oriented(pair[1], attribute, run.score_order))
        self.best_checkpoints = kept
        self._rows = rows

    def __repr__(self) -> str:
        """What a person wants to know first."""
        return f"Result(trial_id={self.trial_id!r}, metrics={self.metrics!r}, path={self.path!r})"

    def _repr_html_(self) -> str:
        """For notebooks: the last report and the config, a row a value."""
        facts = {"trial": self.trial_id, "path": self.path, "checkpoint": self.checkpoint}
        error = {} if self.error is None else {"error": self.error}
        values = {
            path: "(hidden)" if looks_secret(path, value) else value
            for path, value in flatten(self.metrics or {}).items()
        }
        return html.fragment(html.pairs({**facts, **error, **values}))

    @cached_property
    def rows(self) -> list[dict[str, object]]:
        """Every report, in order, each as ``metrics``."""
        return self._rows[:]

    def last_rows(self, count: int) -> list[dict[str, object]]:
        """The last reports, in order; 0 means all."""
        return self._rows[-count:] if count else self.rows

    @property
    def metrics_dataframe(self) -> "DataFrame":
        """Every report of the trial, one a row, nested keys joined by '/'. Needs pandas."""
        return _frame([flatten(row) for row in self.rows])

    @property
    def schedule(self) -> Schedule:
        """The hyperparameters that led here, from the first step on, back through the copies."""
        return Schedule.from_run(self._run.run_dir, self.trial_id, self._run.objects)

    @classmethod
    def from_path(cls, path: str | os.PathLike[str], storage_filesystem: None = None) -> "Result":
        """The result of a trial, given its folder in a run's.

        Args:
            path: The trial's folder, ``Result.path`` of another session.
            storage_filesystem: None: runs are in local folders.

        Raises:
            RunUnreadable: If the folder is in no run.
            NoResult: If the run has no such trial.
            NotInPbtune: If a filesystem is given.
        """
        check_local("Result.from_path", storage_filesystem)
        folder = Path(path).expanduser().absolute()
        results = ResultGrid(folder.parent)
        for result in results:
            if result.trial_id == folder.name:
                return result
        has = ", ".join(result.trial_id for result in results) or "none"
        message = f"{folder.parent} has no trial {folder.name!r}; it has {has}"
        raise NoResult(message)

    def get_best_checkpoint(self, metric: str, mode: str) -> Checkpoint | None:
        """The kept checkpoint whose report was best by a metric.

        Raises:
            NoResult: If no kept checkpoint's report has the metric.
        """
        check_mode(mode)
        if not self.best_checkpoints:
            return None
        scored = [
            (_oriented(metrics, metric, mode), at)
            for at, (_, metrics) in enumerate(self.best_checkpoints)
        ]
        score, at = max(scored)
        if score == -math.inf:
            message = f"no checkpoint of {self.trial_id} was reported with the number {metric!r}"
            raise NoResult(message)
        return self.best_checkpoints[at][0]


def _oriented(metrics: Mapping[str, object], metric: str, mode: str) -> float:
    """A score where larger is better; what can't be compared is the worst."""
    value = flatten(metrics).get(metric)
    if not isinstance(value, (int, float)) or math.isnan(value):
        return -math.inf
    return -float(value) if mode == "min" else float(value)


@final
class ResultGrid:
    """The results of a run, one a trial, in the order in which trials were created.

    ``len``, index and iterate it. It is read from the run's journal, so it also shows runs of
    other processes and of runs that are still going on.

    Args:
        run_dir: The run's folder; or an ExperimentAnalysis of it.
        metric: The metric that results are compared by, unless a call says otherwise.
        mode: "max" or "min".
        objects: The user's objects that configs refer to, by path.
    """

    def __init__(
        self,
        run_dir: "str | os.PathLike[str] | AbstractRunReader",
        metric: str | None = None,
        mode: str | None = None,
        objects: Mapping[str, object] | None = None,
    ) -> None:
        is_read = isinstance(run_dir, AbstractRunReader)
        self._run_dir = Path(run_dir.experiment_path if is_read else run_dir)
        self._objects = objects
        with JournalReader(self._run_dir) as reader, reader.snapshot():
            view = RunView(reader)
            self._metric = metric or view.header.metric
            self._mode = mode or view.header.mode
            self._results = [self._result(view, reader, trial) for trial in view.trials]
            self._statuses = [trial.status for trial in view.trials]

    def _result(self, view: RunView, reader: JournalReader, trial: Trial) -> Result:
        own = self._own if self._objects else None
        rows = TrialRows(view, reader.reports(trial.id), own)
        error = None
        failures = view.failures.get(trial.id)
        if trial.status is Status.FAILED and failures:
            last = failures[-1]
            error = TrialFailed.of(trial.id, last.error, last.message, last.traceback)
        config = self._own(trial.config)
        retention = cast("dict[str, Any]", view.header.settings.get("checkpoints", {}))
        attribute, order = retention.get("score_attribute"), retention.get("score_order", "max")
        tag = experiment_tag(trial.index, view.created[trial.id].evaluated)
        run = RunFacts(self._run_dir, attribute, order, self._objects, tag)
        return Result(msgspec.structs.replace(trial, config=config), rows, error, run)

    def _own(self, config: dict[str, object]) -> dict[str, object]:
        if not self._objects:
            return config
        return cast("dict[str, object]", resolved(config, self._objects))

    def __len__(self) -> int:
        """How many trials there are."""
        return len(self._results)

    def __getitem__(self, index: int) -> Result:
        """One trial's result."""
        return self._results[index]

    def __iter__(self) -> Iterator[Result]:
        """All results, in order."""
        return iter(self._results)

    def __repr__(self) -> str:
        """One line."""
        return f"<ResultGrid of {len(self)} trials, {self.num_errors} failed, {self._run_dir}>"

    def _repr_html_(self) -> str:
        """For notebooks: the population as a table."""
        return html.of_folder(self._run_dir)

    @property
    def experiment_path(self) -> str:
        """The run's folder."""
        return str(self._run_dir)

    @property
    def filesystem(self) -> None:
        """None: the run is in a local folder."""
        return

    @property
    def errors(self) -> list[TrialFailed]:
        """The exceptions of the trials that failed."""
        return [result.error for result in self._results if result.error is not None]

    @property
    def num_errors(self) -> int:
        """How many trials failed."""
        return len(self.errors)

    @property
    def num_terminated(self) -> int:
        """How many trials ended well."""
        return sum(status in ENDED for status in self._statuses) - self.num_errors

    def get_best_result(
        self,
        metric: str | None = None,
        mode: str | None = None,
        scope: str = "last",
        filter_nan_and_inf: bool = True,  # noqa: FBT001, FBT002  Tune's own signature
    ) -> Result:
        """The best trial's result; the first one of equals.

        Args:
            metric: A reported key, nested ones joined by '/'. TuneConfig's if left out.
            mode: "max" or "min". TuneConfig's if left out.
            scope: Compare by the "last" report, the best of "all", the "avg" of all, or the
                "last-5-avg" or "last-10-avg".
            filter_nan_and_inf: Whether NaN and infinities are left out.

        Raises:
            SettingsError: If there are several trials and no metric or mode.
            NoResult: If no trial reported the metric, or only NaN.
        """
        if len(self._results) == 1:
            return self._results[0]
        metric, mode = metric or self._metric, mode or self._mode
        check_mode(mode)
        if metric is None or mode is None:
            lacking = "metric" if metric is None else "mode"
            message = (
                f"get_best_result() needs a {lacking}: pass it here or in TuneConfig, as in"
                f' get_best_result(metric="loss", mode="min")'
            )
            raise SettingsError(message)
        if scope not in SCOPES:
            message = f"scope must be one of {', '.join(SCOPES)}, not {scope!r}"
            raise SettingsError(message)
        best: tuple[float, Result] | None = None
        for result in self._results:
            score = scored(result, (metric, mode, scope), is_finite_only=filter_nan_and_inf)
            if score is not None and (best is None or score > best[0]):
                best = (score, result)
        if best is None:
            message = (
                f"no trial reported a number for {metric!r}"
                f"{' that is finite' if filter_nan_and_inf else ''}: {self._present()}"
            )
            raise NoResult(message)
        return best[1]

    def _present(self) -> str:
        keys = {key for result in self._results for key in flatten(result.metrics or {})}
        return f"reported were {', '.join(sorted(keys))}" if keys else "nothing was reported"

    def get_dataframe(
        self, filter_metric: str | None = None, filter_mode: str | None = None
    ) -> "DataFrame":
        """``get_rows`` as a data frame. Needs pandas."""
        return _frame(self.get_rows(filter_metric, filter_mode))

    def get_rows(
        self, filter_metric: str | None = None, filter_mode: str | None = None
    ) -> list[dict[str, Any]]:
        """One row a trial: its last report, or the one that is best by a metric.

        Args:
            filter_metric: A reported key, nested ones joined by '/'; given with ``filter_mode``.
            filter_mode: "max" or "min".

        Returns:
            Flat dicts, nested keys joined by '/', of the trials that reported anything.

        Raises:
            SettingsError: If only one of the two is given.
        """
        check_mode(filter_mode)
        if (filter_metric is None) != (filter_mode is None):
            message = "a row by a metric needs filter_metric and filter_mode together, or neither"
            raise SettingsError(message)
        rows: list[dict[str, Any]] = []
        for result in self._results:
            chosen = result.metrics
            if filter_metric is not None and filter_mode is not None and result.rows:
                chosen = max(
                    result.rows,
                    key=lambda row: _oriented(row, filter_metric, filter_mode),
                )
            if chosen is not None:
                rows.append({**flatten(chosen), "logdir": result.trial_id})
        return rows

    def plot(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        compare: Mapping[str, str] | None = None,
    ) -> "Figure":
        """Draw the run: scores, hyperparameters, copies, and the winner's lineage.

        Args:
            path: Where to write the picture; its ending chooses the format. None writes nothing.
            compare: {hyperparameter: metric}: a metric to draw over a hyperparameter.

        Returns:
            The matplotlib figure.
        """
        from pbtune.reporting.plots import plot_run  # noqa: PLC0415  heavy

        return plot_run(self._run_dir, None if path is None else os.fspath(path), compare)


def scored(result: Result, by: tuple[str, str, str], *, is_finite_only: bool) -> float | None:
    """A trial's score by (metric, mode, scope), oriented; None if it has none."""
    metric, mode, scope = by
    values: list[float] = []
    for row in result.last_rows(SCOPES[scope]):
        value = flatten(row).get(metric)
        if isinstance(value, (int, float)) and not (is_finite_only and not math.isfinite(value)):
            values.append(-float(value) if mode == "min" else float(value))
    if scope == "all":
        # max() with NaN in it gives what stands first.
        values = [value for value in values if not math.isnan(value)]
    if not values:
        return None
    score = max(values) if scope in {"all", "last"} else sum(values) / len(values)
    return None if math.isnan(score) else score


def _frame(rows: list[dict[str, object]]) -> "DataFrame":
    return pandas().DataFrame(rows)
