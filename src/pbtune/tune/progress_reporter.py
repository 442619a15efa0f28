"""Reporters: who shows a run, for scripts that choose it themselves, as in Tune.

``RunConfig(progress_reporter=...)`` takes the place of the live table. Departures from Ray Tune
2.60: it is always honoured, and ``print_intermediate_tables=None`` shows the tables.
"""

import importlib
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Final, final

from pbtune.errors import SettingsError
from pbtune.reporting.observed import ObservedTrial
from pbtune.tune import progress_table
from pbtune.tune.places import elsewhere
from pbtune.tune.progress_table import Columns, Layout

Trials = list[ObservedTrial]
DEFAULT_COLUMNS: Final = {
    "mean_accuracy": "acc",
    "mean_loss": "loss",
    "training_iteration": "iter",
    "time_total_s": "total time (s)",
    "timesteps_total": "ts",
    "episode_reward_mean": "reward",
}


class ProgressReporter(ABC):
    """Shows how far a run is. Called on a thread beside the training, a few times a second."""

    def setup(
        self,
        start_time: float | None = None,
        total_samples: int | None = None,
        metric: str | None = None,
        mode: str | None = None,
        **kwargs: object,
    ) -> None:
        """Called once, before the run begins.

        Args:
            start_time: Wall clock in seconds.
            total_samples: How many trials there will be.
            metric: The run's, if it has one.
            mode: "max" or "min".
            **kwargs: Whatever comes later.
        """
        del start_time, total_samples, metric, mode, kwargs

    @abstractmethod
    def should_report(self, trials: Trials, done: bool = False) -> bool:  # noqa: FBT001, FBT002  Tune's own signature
        """Whether to report now; ``done`` at the last opportunity."""

    @abstractmethod
    def report(self, trials: Trials, done: bool, *sys_info: str) -> None:  # noqa: FBT001  Tune's own signature
        """Show the trials."""


class TuneReporterBase(ProgressReporter, ABC):
    """What the reporters of Tune have in common; see ``CLIReporter`` for the arguments."""

    DEFAULT_COLUMNS = DEFAULT_COLUMNS

    def __init__(  # noqa: PLR0913  Tune's own signature
        self,
        *,
        metric_columns: Columns | None = None,
        parameter_columns: Columns | None = None,
        total_samples: int | None = None,
        max_progress_rows: int = 20,
        max_error_rows: int = 20,
        max_column_length: int = 20,
        max_report_frequency: float = 5,
        infer_limit: int = 3,
        print_intermediate_tables: bool | None = None,
        metric: str | None = None,
        mode: str | None = None,
        sort_by_metric: bool = False,
    ) -> None:
        self._total_samples = total_samples
        self._infers = metric_columns is None
        self._metrics = _copied(dict(self.DEFAULT_COLUMNS) if self._infers else metric_columns)
        self._parameters = _copied(parameter_columns)
        self._row_count_max = max_progress_rows
        self._error_count_max = max_error_rows
        self._width_max = max_column_length
        self._interval_s = max_report_frequency
        self._infer_limit = infer_limit
        self._prints_tables = print_intermediate_tables is not False
        self._metric = metric
        self._mode = mode
        self._sorts = sort_by_metric
        self._reported_s: float | None = None
        self._start_time = time.time()

    def setup(
        self,
        start_time: float | None = None,
        total_samples: int | None = None,
        metric: str | None = None,
        mode: str | None = None,
        **kwargs: object,
    ) -> None:
        """See the base class."""
        del kwargs
        self.set_start_time(start_time)
        if total_samples is not None:
            self.set_total_samples(total_samples)
        self.set_search_properties(metric, mode)

    def set_search_properties(self, metric: str | None, mode: str | None) -> bool:
        """Take the run's metric and mode, if the reporter has none of its own.

        Raises:
            SettingsError: If both name one.
        """
        if (self._metric and metric) or (self._mode and mode):
            message = (
                "metric or mode is given twice: to TuneConfig and to the reporter. Leave it out of"
                " one of them."
            )
            raise SettingsError(message)
        self._metric = self._metric or metric
        self._mode = self._mode or mode
        return True

    def set_total_samples(self, total_samples: int) -> None:
        """How many trials there will be."""
        self._total_samples = total_samples

    def set_start_time(self, timestamp: float | None = None) -> None:
        """When the run began; now, without an argument."""
        self._start_time = time.time() if timestamp is None else timestamp

    def should_report(self, trials: Trials, done: bool = False) -> bool:  # noqa: FBT001, FBT002  Tune's own signature
        """Whether the last report was longer than ``max_report_frequency`` ago."""
        del trials
        now_s = time.monotonic()
        if self._reported_s is None or now_s - self._reported_s > self._interval_s:
            self._reported_s = now_s
            return True
        return done

    def add_metric_column(self, metric: str, representation: str | None = None) -> None:
        """Show one more metric, under another name if one is given.

        Raises:
            SettingsError: If it is shown already, or the columns are a list and can't have names.
        """
        self._infers = False
        self._metrics = _with_column(self._metrics, metric, representation)

    def add_parameter_column(self, parameter: str, representation: str | None = None) -> None:
        """Show one more hyperparameter; see ``add_metric_column``."""
        self._parameters = _with_column(self._parameters, parameter, representation)

    def _layout(self, trials: Trials, *, done: bool) -> Layout:
        metrics = _copied(self._metrics)
        if self._infers:
            for key in progress_table.inferred(trials, metrics, self._infer_limit):
                metrics = _with_column(metrics, key, None)
        return Layout(
            metrics=_named(metrics),
            parameters=_named(self._parameters),
            total=self._total_samples,
            row_count_max=None if done else self._row_count_max,
            error_count_max=None if done else self._error_count_max,
            width_max=self._width_max,
            metric=self._metric,
            mode=self._mode,
            sorts=self._sorts and self._metric is not None and self._mode is not None,
            has_table=self._prints_tables or done,
            started_at=self._start_time,
        )


class CLIReporter(TuneReporterBase):
    """Prints a table of the trials.

    Args:
        metric_columns: Metrics to show: a list of keys, or {key: name}. Without it Tune's usual
            ones, and the first few numbers that are reported.
        parameter_columns: Hyperparameters to show, likewise; without it those that were sampled.
        total_samples: How many trials there will be.
        max_progress_rows: Rows of the table, before the end.
        max_error_rows: Rows of the table of failures, before the end.
        max_column_length: Characters; longer text is cut at its beginning.
        max_report_frequency: Seconds between two reports, at least.
        infer_limit: How many metrics are found by themselves.
        print_intermediate_tables: False shows the tables at the end only.
        metric: What the best trial is best by; TuneConfig's otherwise.
        mode: "max" or "min".
        sort_by_metric: Whether trials that have ended are sorted, the best first.
    """

    def report(self, trials: Trials, done: bool, *sys_info: str) -> None:  # noqa: FBT001  Tune's own signature
        """See the base class."""
        print(self._progress_str(trials, done, *sys_info), flush=True)  # noqa: T201  its purpose

    def _progress_str(self, trials: Trials, done: bool, *sys_info: str) -> str:  # noqa: FBT001  Tune's own signature
        return progress_table.as_text(
            trials, self._layout(trials, done=done), sys_info, time.time()
        )


class JupyterNotebookReporter(TuneReporterBase):
    """Shows the table in a notebook's cell, always in the same place.

    Outside of a notebook it prints, as ``CLIReporter`` does.

    Args:
        overwrite: Whether what the cell shows is cleared first.
        **columns: As of ``CLIReporter``.
    """

    def __init__(self, *, overwrite: bool = True, **columns: Any) -> None:  # noqa: ANN401  those of CLIReporter
        super().__init__(**columns)
        self._overwrite = overwrite
        self._handle: Any = None

    def report(self, trials: Trials, done: bool, *sys_info: str) -> None:  # noqa: FBT001  Tune's own signature
        """See the base class."""
        layout, now = self._layout(trials, done=done), time.time()
        if not in_notebook():
            print(progress_table.as_text(trials, layout, sys_info, now), flush=True)  # noqa: T201  its purpose
            return
        self.display(progress_table.as_html(trials, layout, sys_info, now))

    def display(self, string: str) -> None:
        """Show HTML in place of what was shown before."""
        shown = importlib.import_module("IPython.display")
        if self._handle is not None:
            self._handle.update(shown.HTML(string))
            return
        if self._overwrite:
            shown.clear_output(wait=True)
        self._handle = shown.display(shown.HTML(string), display_id=True)


@final
class ReporterCallback:
    """Lets the run's observers drive a reporter.

    Args:
        reporter: The user's.
        facts: What its ``setup`` is told.
    """

    def __init__(self, reporter: ProgressReporter, facts: Mapping[str, Any]) -> None:
        self._reporter = reporter
        self._facts = facts

    @property
    def observed_as(self) -> str:
        """The reporter's name, for messages."""
        return type(self._reporter).__name__

    def setup(self, **info: object) -> None:
        """Set the reporter up."""
        del info
        self._reporter.setup(**self._facts)

    def on_look(self, trials: Trials, *, done: bool) -> None:
        """Report, if it is time."""
        if self._reporter.should_report(trials, done=done):
            self._reporter.report(trials, done)


def in_notebook() -> bool:
    """Whether this process has a front end that shows HTML; IPython is not imported for it."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return type(shell).__name__ == "ZMQInteractiveShell"


def _copied(columns: Columns | None) -> Columns:
    if isinstance(columns, Mapping):
        return dict(columns)
    return list(columns or ())


def _named(columns: Columns) -> dict[str, str]:
    """Columns as {key: name}."""
    return dict(columns) if isinstance(columns, Mapping) else {key: key for key in columns}


def _with_column(columns: Columns, key: str, name: str | None) -> Columns:
    if key in columns:
        message = f"column {key!r} is shown already"
        raise SettingsError(message)
    if isinstance(columns, Mapping):
        return {**columns, key: name or key}
    if name not in {None, key}:
        message = f"{key!r} can't be shown as {name!r}: the columns are a list; give a dict"
        raise SettingsError(message)
    given: Sequence[str] = columns
    return [*given, key]


def __getattr__(name: str) -> object:
    return elsewhere(__name__, name)
