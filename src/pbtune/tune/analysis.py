"""``ExperimentAnalysis``: what ``tune.run`` gives back, Tune's older way to look at results."""

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import msgspec

from pbtune.checkpoints.checkpoint import Checkpoint
from pbtune.core.decisions import Created
from pbtune.core.exact import flatten
from pbtune.errors import NoResult, SettingsError
from pbtune.journal.reader import JournalReader
from pbtune.reporting.observed import ObservedTrial
from pbtune.reporting.snapshot import RunView
from pbtune.tune.modes import check_mode
from pbtune.tune.optional import pandas
from pbtune.tune.places import elsewhere
from pbtune.tune.results import Result, ResultGrid, scored
from pbtune.tune.run_facts import SCOPES, AbstractRunReader
from pbtune.tune.urls import check_local

if TYPE_CHECKING:
    from pandas import DataFrame

logger = logging.getLogger(__name__)


@final
class ExperimentAnalysis(AbstractRunReader):
    """A run's results under Tune's older names, read from its journal.

    Args:
        experiment_checkpoint_path: The run's folder, or a file in it.
        storage_filesystem: None: runs are in local folders.
        trials: Only these, as ``trials`` of another analysis gave them; all if left out.
        default_metric: What trials are compared by; the run's own metric if left out.
        default_mode: "max" or "min"; the run's own if left out.

    Raises:
        RunUnreadable: If the folder is no run.
        SettingsError: If the mode is none.

    Attributes:
        trials: The trials, as of when the analysis was made.
        default_metric: As above.
        default_mode: As above.
    """

    def __init__(
        self,
        experiment_checkpoint_path: str | os.PathLike[str],
        *,
        storage_filesystem: None = None,
        trials: Sequence[ObservedTrial] | None = None,
        default_metric: str | None = None,
        default_mode: str | None = None,
    ) -> None:
        check_local("ExperimentAnalysis", storage_filesystem)
        check_mode(default_mode)
        given = Path(experiment_checkpoint_path).expanduser().absolute()
        run_dir = given.parent if given.is_file() else given
        self._take(ResultGrid(run_dir), trials, default_metric, default_mode)

    @classmethod
    def from_results(cls, results: ResultGrid) -> "ExperimentAnalysis":
        """The analysis of results that are there already, with the user's own objects."""
        analysis = cls.__new__(cls)
        analysis._take(results, None, None, None)  # noqa: SLF001  a classmethod's own object
        return analysis

    def _take(
        self,
        results: ResultGrid,
        trials: Sequence[ObservedTrial] | None,
        metric: str | None,
        mode: str | None,
    ) -> None:
        run_dir = Path(results.experiment_path)
        header, everybody = _observed(run_dir, results)
        wanted = None if trials is None else {trial.trial_id for trial in trials}
        self.default_metric = metric or header[0]
        self.default_mode = mode or header[1]
        self.trials = [it for it in everybody if wanted is None or it.trial_id in wanted]
        known = {trial.trial_id for trial in self.trials}
        self._run_dir = run_dir
        self._grid = results
        self._results = {it.trial_id: it for it in results if it.trial_id in known}

    def __repr__(self) -> str:
        """One line."""
        return f"<ExperimentAnalysis of {len(self.trials)} trials, {self._run_dir}>"

    @property
    def experiment_path(self) -> str:
        """The run's folder."""
        return str(self._run_dir)

    @property
    def best_trial(self) -> ObservedTrial | None:
        """The trial whose last report is best by the default metric; None if nobody reported it.

        Raises:
            SettingsError: If there is no default metric or mode.
        """
        self._by("best_trial", None, None)
        return self.get_best_trial()

    @property
    def best_config(self) -> dict[str, Any] | None:
        """The best trial's config."""
        self._by("best_config", None, None)
        return self.get_best_config()

    @property
    def best_checkpoint(self) -> Checkpoint | None:
        """The best of the best trial's kept checkpoints.

        Raises:
            SettingsError: If there is no default metric or mode.
            NoResult: If nobody reported the metric.
        """
        return self.get_best_checkpoint(self._winner("best_checkpoint"))

    @property
    def best_result(self) -> dict[str, Any]:
        """The best trial's last report."""
        return self._winner("best_result").last_result

    @property
    def best_result_df(self) -> "DataFrame":
        """The best trial's last report as a data frame of one row. Needs pandas."""
        rows = [flatten(self._winner("best_result_df").last_result)]
        return pandas().DataFrame.from_records(rows, index="trial_id")

    @property
    def best_dataframe(self) -> "DataFrame":
        """Every report of the best trial, one a row. Needs pandas."""
        return self._results[self._winner("best_dataframe").trial_id].metrics_dataframe

    @property
    def results(self) -> dict[str, dict[str, Any]]:
        """Each trial's last report, by trial id; empty for a trial without one."""
        return {trial.trial_id: trial.last_result for trial in self.trials}

    @property
    def results_df(self) -> "DataFrame":
        """The trials' last reports, one a row. Needs pandas."""
        rows = [flatten(trial.last_result) for trial in self.trials if trial.last_result]
        if not rows:
            return pandas().DataFrame()
        return pandas().DataFrame.from_records(rows, index="trial_id")

    @property
    def trial_dataframes(self) -> "dict[str, DataFrame]":
        """Every report of each trial, one a row, by trial id. Needs pandas."""
        return {name: result.metrics_dataframe for name, result in self._results.items()}

    def get_all_configs(self, prefix: bool = False) -> dict[str, dict[str, Any]]:  # noqa: FBT001, FBT002  Tune's own signature
        """Each trial's config, by trial id; with ``prefix`` flat, as {"config/net/width": 8}."""
        if not prefix:
            return {trial.trial_id: trial.config for trial in self.trials}
        return {trial.trial_id: flatten({"config": trial.config}) for trial in self.trials}

    def dataframe(self, metric: str | None = None, mode: str | None = None) -> "DataFrame":
        """One row a trial: its last report, or its best one ever by a metric. Needs pandas.

        Raises:
            SettingsError: If there is a mode without a metric.
        """
        check_mode(mode)
        if mode and not metric:
            message = "dataframe(mode=...) needs a metric too"
            raise SettingsError(message)
        chosen = self._grid.get_rows(metric if mode else None, mode)
        return pandas().DataFrame([row for row in chosen if row["trial_id"] in self._results])

    def get_best_trial(
        self,
        metric: str | None = None,
        mode: str | None = None,
        scope: str = "last",
        filter_nan_and_inf: bool = True,  # noqa: FBT001, FBT002  Tune's own signature
    ) -> ObservedTrial | None:
        """The best trial; the first one of equals; None if nobody reported the metric.

        Args:
            metric: A reported key, nested ones joined by '/'; the default metric if left out.
            mode: "max" or "min"; the default mode if left out.
            scope: Compare by the "last" report, the best of "all", the "avg" of all, or the
                "last-5-avg" or "last-10-avg".
            filter_nan_and_inf: Whether NaN and infinities are left out.

        Raises:
            SettingsError: If there is no metric, mode or such scope.
        """
        by = (*self._by("get_best_trial()", metric, mode), scope)
        if scope not in SCOPES:
            message = f"scope must be one of {', '.join(SCOPES)}, not {scope!r}"
            raise SettingsError(message)
        best: tuple[float, ObservedTrial] | None = None
        for trial in self.trials:
            result = self._results[trial.trial_id]
            score = scored(result, by, is_finite_only=filter_nan_and_inf)
            if score is not None and (best is None or score > best[0]):
                best = (score, trial)
        if best is None:
            logger.warning("no trial of %s reported a number for %r", self._run_dir, by[0])
            return None
        return best[1]

    def get_best_config(
        self, metric: str | None = None, mode: str | None = None, scope: str = "last"
    ) -> dict[str, Any] | None:
        """The config of ``get_best_trial``."""
        best = self.get_best_trial(metric, mode, scope)
        return None if best is None else best.config

    def get_best_checkpoint(
        self,
        trial: ObservedTrial | Result | str,
        metric: str | None = None,
        mode: str | None = None,
    ) -> Checkpoint | None:
        """The best of a trial's kept checkpoints; None if it has none that can be compared.

        Args:
            trial: The trial, its id, or its folder.
            metric: The default metric if left out, or else the newest.
            mode: The default mode if left out.

        Raises:
            SettingsError: If there is no mode.
            NoResult: If there is no such trial.
        """
        result = self._result(trial)
        metric = metric or self.default_metric or "training_iteration"
        metric, mode = self._by("get_best_checkpoint()", metric, mode)
        try:
            return result.get_best_checkpoint(metric, mode)
        except NoResult as error:
            logger.warning("%s", error)
            return None

    def get_last_checkpoint(
        self,
        trial: ObservedTrial | Result | str | None = None,
        metric: str = "training_iteration",
        mode: str = "max",
    ) -> Checkpoint | None:
        """A trial's newest checkpoint; that of the best trial by a metric if none is named."""
        chosen = self.get_best_trial(metric, mode) if trial is None else trial
        return None if chosen is None else self._result(chosen).checkpoint

    def _result(self, trial: ObservedTrial | Result | str) -> Result:
        name = trial if isinstance(trial, str) else trial.trial_id
        found = self._results.get(name) or self._results.get(Path(name).name)
        if found is None:
            has = ", ".join(self._results) or "none"
            message = f"{self._run_dir} has no trial {name!r}; it has {has}"
            raise NoResult(message)
        return found

    def _winner(self, asked: str) -> ObservedTrial:
        metric, mode = self._by(asked, None, None)
        best = self.get_best_trial(metric, mode)
        if best is None:
            message = f"{asked}: no trial of {self._run_dir} reported a number for {metric!r}"
            raise NoResult(message)
        return best

    def _by(self, asked: str, metric: str | None, mode: str | None) -> tuple[str, str]:
        check_mode(mode)
        metric, mode = metric or self.default_metric, mode or self.default_mode
        if metric is None or mode is None:
            lacking = "metric" if metric is None else "mode"
            message = (
                f"{asked} needs a {lacking}: pass it to tune.run() or to the call, as in"
                f' get_best_trial(metric="loss", mode="min")'
            )
            raise SettingsError(message)
        return metric, mode


def _observed(
    run_dir: Path, results: ResultGrid
) -> tuple[tuple[str | None, str | None], list[ObservedTrial]]:
    """The run's (metric, mode), and its trials under the names that Tune's have."""
    with JournalReader(run_dir) as reader, reader.snapshot():
        view = RunView(reader)
        created = [it.record for it in reader.entries() if isinstance(it.record, Created)]
    evaluated: Mapping[str, dict[str, object]] = {it.trial: it.evaluated for it in created}
    trials: list[ObservedTrial] = []
    for result in results:
        trial = view.experiment.trials[result.trial_id]
        own = msgspec.structs.replace(trial, config=result.config)
        seen = ObservedTrial(
            run_dir, view.trainable, own, evaluated.get(trial.id, {}), lambda _, it=result: it.rows
        )
        seen.last_result = result.metrics or {}
        seen.checkpoint = result.checkpoint
        seen.error = None if result.error is None else result.error.message
        trials.append(seen)
    return (view.header.metric, view.header.mode), trials


__path__: list[str] = []  # Ray has a package of this name; ``places`` finds its modules


def __getattr__(name: str) -> object:
    return elsewhere(__name__, name)
