"""Runs of any size that look like trained ones, written straight into a journal.

A run of a million reports takes half a minute this way, and nothing is trained for it.
"""

import json
import math
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, final

from pbtune.core import decisions as d
from pbtune.core import events as e
from pbtune.core.experiment import Record
from pbtune.core.rng import rng_for
from pbtune.journal.base import Header, ReportRow
from pbtune.journal.sqlite import SqliteJournal

BEGAN_AT: Final = 1_760_000_000.0
STEP_S: Final = 0.5
_AUGMENTS: Final = ("none", "flip", "crop")
_HEADER: Final[dict[str, Any]] = {
    "metric": "accuracy",
    "mode": "max",
    "mutated": ("lr", "momentum", "augment"),
    "domains": {
        "lr": {"log": True, "lower": 1e-4, "upper": 1.0},
        "momentum": {"log": False, "lower": 0.5, "upper": 0.99},
        "augment": {"log": False},
    },
}


@final
class MadeRun:
    """A population whose members climb, and whose worst quarter copies from the best.

    Args:
        folder: The run's folder; made here.
        members: How many.
        interval: Reports between two decisions.

    Attributes:
        step: How far the members are.
        trials: Their ids.
    """

    def __init__(self, folder: Path, members: int, interval: int = 10) -> None:
        folder.mkdir(parents=True, mode=0o700)
        header = Header(folder.name, "train_fn", 7, BEGAN_AT, num_samples=members, **_HEADER)
        self.folder = folder
        self.step = 0
        self.trials = [f"t{index}" for index in range(members)]
        self._interval = interval
        self._journal = SqliteJournal.create(folder / "run.db", header)
        self._rng: random.Random = rng_for(7, "made", "", 0)
        self._configs = {trial: self._config() for trial in self.trials}
        self._scores = dict.fromkeys(self.trials, 0.0)
        self._segments = dict.fromkeys(self.trials, 0)
        self._attempts = dict.fromkeys(self.trials, 1)
        members_ = list(enumerate(self.trials))
        self._append(
            [
                e.Opened(1),
                *(d.Created(trial, index, self._configs[trial]) for index, trial in members_),
                *(d.Started(trial, 1, index, 0, 0, 0.0) for index, trial in members_),
            ]
        )

    def _config(self) -> dict[str, Any]:
        return {
            "lr": 10 ** self._rng.uniform(-4, 0),
            "momentum": self._rng.uniform(0.5, 0.99),
            "augment": self._rng.choice(_AUGMENTS),
            "batch_size": 64,
        }

    def _append(self, records: Sequence[Record], rows: Sequence[ReportRow] = ()) -> None:
        self._journal.append(records, rows, BEGAN_AT + self.step * STEP_S)

    def train(self, rounds: int = 1, *, exploit: bool = True) -> None:
        """Whole intervals of every member, each ended by a ranking and the copies after it."""
        for _ in range(rounds):
            last = self.step + self._interval
            records: list[Record] = []
            rows: list[ReportRow] = []
            saved: dict[str, str] = {}
            for trial in self.trials:
                rows += [self._row(trial, step) for step in range(self.step + 1, last)]
                saved[trial] = f"{trial}/checkpoint_{last // self._interval - 1:06d}"
                rows.append(self._row(trial, last, saved[trial]))
                records += self._ranked(trial, last, saved[trial])
            self.step = last
            if exploit:
                records += self._exploits(saved)
            self._append(records, rows)

    def _row(self, trial: str, step: int, checkpoint: str | None = None) -> ReportRow:
        best_lr = 10 ** (-0.5 - 2.5 * min(1.0, step / 400))
        gain = math.exp(-abs(math.log10(self._configs[trial]["lr"]) - math.log10(best_lr)))
        self._scores[trial] += (1 - self._scores[trial]) * 0.02 * gain
        score = self._scores[trial] + self._rng.gauss(0, 0.004)
        metrics = {"accuracy": score, "loss": 1 - score, "time_this_iter_s": STEP_S}
        return ReportRow(
            trial,
            self._attempts[trial],
            self._segments[trial],
            step,
            step * STEP_S,
            BEGAN_AT + step * STEP_S,
            json.dumps(metrics).encode(),
            checkpoint,
        )

    def _ranked(self, trial: str, step: int, checkpoint: str) -> list[Record]:
        score, time_s, attempt = self._scores[trial], step * STEP_S, self._attempts[trial]
        report = e.Report(trial, attempt, step, time_s, {"accuracy": score}, checkpoint)
        number = step // self._interval - 1
        return [
            e.Saved(trial, attempt, checkpoint, step, float(step), time_s, score, number=number),
            e.Reported((report,)),
            d.Ranked(trial, step, score, float(step), time_s, checkpoint),
        ]

    def _exploits(self, saved: dict[str, str]) -> list[Record]:
        ranked = sorted(self.trials, key=lambda trial: self._scores[trial])
        size = len(ranked) // 4
        top = ranked[len(ranked) - size :]
        records: list[Record] = []
        for trial in ranked[:size]:
            records += self._exploit(trial, self._rng.choice(top), saved)
        return records

    def _exploit(self, trial: str, donor: str, saved: dict[str, str]) -> list[Record]:
        old, new = self._configs[trial], dict(self._configs[donor])
        new["lr"] = min(1.0, max(1e-4, new["lr"] * self._rng.choice([0.8, 1.2])))
        new["momentum"] = min(0.99, max(0.5, new["momentum"] * self._rng.choice([0.97, 1.03])))
        if self._rng.randrange(4) == 0:
            new["augment"] = self._rng.choice(_AUGMENTS)
        self._configs[trial], self._scores[trial] = new, self._scores[donor]
        self._segments[trial] += 1
        self._attempts[trial] += 1
        step, time_s = self.step, self.step * STEP_S
        slot, segment, attempt = (
            self.trials.index(trial),
            self._segments[trial],
            self._attempts[trial],
        )
        return [
            d.Exploited(
                trial, donor, donor, new, saved[donor], step, float(step), time_s,
                self._scores[donor], step, old, {"lr": "* 1.2"},
            ),
            d.Started(trial, attempt, slot, segment, step, time_s, saved[donor]),
        ]  # fmt: skip

    def end(self) -> Path:
        """Every member is done, and the journal one plain file.

        Returns:
            The run's folder.
        """
        reason = f"training_iteration >= {self.step}"
        self._append([d.Completed(trial, reason) for trial in self.trials])
        self._journal.close()
        return self.folder
