"""``PopulationBasedTrainingReplay`` with Tune's argument, for files of both and for run folders."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast, final

from pbtune.core.schedulers.base import AbstractScheduler
from pbtune.core.schedulers.replay import Replay
from pbtune.core.trial import Config
from pbtune.core.values import Ref
from pbtune.errors import SettingsError
from pbtune.tune.schedule import Schedule
from pbtune.tune.schedulers.base import AbstractTuneScheduler

ROW_LENGTH = 6
Change = tuple[int, Config]


@final
class PopulationBasedTrainingReplay(AbstractTuneScheduler):
    """Trains one trial on the schedule that a run of population based training found.

    Args:
        policy_file: A ``pbt_policy_<trial>.txt`` of pbtune's or Ray Tune's; or a run's folder, or a
            ``Schedule``, such as ``results.get_best_result().schedule``.
        trial: Of a run's folder, the trial whose schedule it is; the winner's if left out. Ours.

    Raises:
        SettingsError: If there is no such file, or it holds no policy.
        NoResult: If the run has no such trial, or no winner.
        RunUnreadable: If the folder is no run.
    """

    needs_metric = False
    log_config = False

    def __init__(
        self, policy_file: str | os.PathLike[str] | Schedule, *, trial: str | None = None
    ) -> None:
        self.policy_file = policy_file if isinstance(policy_file, Schedule) else str(policy_file)
        self.trial = trial
        if isinstance(policy_file, Schedule):
            self.config, self.policy = _of_schedule(policy_file)
            return
        path = Path(policy_file).expanduser()
        if path.is_dir():
            self.config, self.policy = _of_schedule(Schedule.from_run(path, trial))
        elif path.is_file():
            self.config, self.policy = read_policy(path)
        else:
            message = f"Policy file not found: {path}"
            raise SettingsError(message)

    def check_count(self, count: int) -> None:
        """One trial.

        Raises:
            SettingsError: If there are more.
        """
        if count > 1:
            message = (
                f"a replay trains one trial, and this run has {count}: leave num_samples at 1, and"
                f" grid_search out of param_space. All would be trained on the same schedule."
            )
            raise SettingsError(message)

    def mutations(self, param_space: Mapping[str, object]) -> Mapping[str, object]:
        """Nothing: it draws nothing."""
        del param_space
        return {}

    def resolve(self, param_space: Mapping[str, object]) -> AbstractScheduler:
        """See the base class."""
        del param_space
        return Replay(initial=self.config, changes=tuple(self.policy))


def read_policy(path: Path) -> tuple[Config, list[Change]]:
    """The first config of a policy file, and its changes by training iteration.

    Only the rows that lead to the last one count: each must have been a copy of the next one's
    trial.

    Raises:
        SettingsError: If it isn't one.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        rows = [_row(json.loads(line)) for line in lines if line.strip()]
    except ValueError as error:
        message = f"Could not read PBT policy file: {path}. {error}"
        raise SettingsError(message) from None
    first: Config = {}
    changes: list[Change] = []
    donor: str | None = None
    for target, source, step, before, after in reversed(rows):
        if donor is not None and target != donor:
            break
        donor, first = source, before
        changes.append((step, after))
    return first, _ascending(changes[::-1])


def _row(row: object) -> tuple[str, str, int, Config, Config]:
    """The tags of copy and donor, the donor's iteration, its config, and the new one."""
    is_row = isinstance(row, list) and len(cast("list[object]", row)) == ROW_LENGTH
    if is_row:
        target, source, _, step, before, after = cast("list[Any]", row)
        has_names = isinstance(target, str) and isinstance(source, str)
        has_configs = isinstance(before, dict) and isinstance(after, dict)
        if has_names and has_configs and isinstance(step, (int, float)):
            return target, source, int(step), before, after
    message = f"a row is [tag, donor's tag, iteration, donor's, config, new config], not {row!r}"
    raise ValueError(message)


def _ascending(changes: Sequence[Change]) -> list[Change]:
    """Without the changes that a later one went back behind."""
    kept: list[Change] = []
    for step, config in changes:
        while kept and kept[-1][0] >= step:
            kept.pop()
        kept.append((step, config))
    return kept


def _of_schedule(schedule: Schedule) -> tuple[Config, list[Change]]:
    pieces = [(piece.start_step, _without_objects(piece.config)) for piece in schedule.pieces]
    return pieces[0][1], _ascending(pieces[1:])


def _without_objects(config: Config) -> Config:
    """The config without the user's own objects, which come from the new search space."""
    return {
        key: _without_objects(cast("Config", value)) if isinstance(value, dict) else value
        for key, value in config.items()
        if not isinstance(value, Ref)
    }
