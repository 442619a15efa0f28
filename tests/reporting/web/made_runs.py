"""Runs of any size that look like trained ones, written straight into a journal."""

import json
import math
import random
from pathlib import Path

from pbtune.core import decisions as d
from pbtune.core import events as e
from pbtune.journal.base import Header, ReportRow
from pbtune.journal.sqlite import SqliteJournal

BEGAN_AT = 1_760_000_000.0
HEADER = {
    "metric": "accuracy",
    "mode": "max",
    "mutated": ("lr", "momentum", "augment"),
    "domains": {
        "lr": {"log": True, "lower": 1e-4, "upper": 1.0},
        "momentum": {"log": False, "lower": 0.5, "upper": 0.99},
        "augment": {"log": False},
    },
}


class MadeRun:
    """A population whose members climb, and whose worst quarter copies from the best.

    Args:
        folder: The run's folder; made here.
        members: How many.
        interval: Reports between two decisions.
        header: What differs from ``HEADER``.
    """

    def __init__(self, folder: Path, members: int, interval: int = 10, **header: object) -> None:
        folder.mkdir(parents=True, mode=0o700)
        fields = {**HEADER, "num_samples": members, **header}
        made = Header(folder.name, "train_fn", 7, BEGAN_AT, **fields)
        self.folder = folder
        self.journal = SqliteJournal.create(folder / "run.db", made)
        self.interval = interval
        self.step = 0
        self._rng = random.Random(7)
        self.trials = [f"t{index}" for index in range(members)]
        self.configs = {trial: self._config() for trial in self.trials}
        self.scores = dict.fromkeys(self.trials, 0.0)
        self.segments = dict.fromkeys(self.trials, 0)
        self.attempts = dict.fromkeys(self.trials, 1)
        records: list[object] = [e.Opened(1)]
        for index, trial in enumerate(self.trials):
            records.append(d.Created(trial, index, self.configs[trial]))
        for index, trial in enumerate(self.trials):
            records.append(d.Started(trial, 1, index, 0, 0, 0.0))
        self.append(records, [])

    def _config(self) -> dict[str, object]:
        return {
            "lr": 10 ** self._rng.uniform(-4, 0),
            "momentum": self._rng.uniform(0.5, 0.99),
            "augment": self._rng.choice(["none", "flip", "crop"]),
            "batch_size": 64,
        }

    def append(self, records, rows) -> None:
        self.journal.append(records, rows, BEGAN_AT + self.step * 0.5)

    def row(self, trial: str, step: int, checkpoint: str | None = None) -> ReportRow:
        lr = self.configs[trial]["lr"]
        best_lr = 10 ** (-0.5 - 2.5 * min(1.0, step / 400))
        gain = math.exp(-abs(math.log10(lr) - math.log10(best_lr)))
        self.scores[trial] += (1 - self.scores[trial]) * 0.02 * gain
        score = self.scores[trial] + self._rng.gauss(0, 0.004)
        metrics = {"accuracy": score, "loss": 1 - score, "time_this_iter_s": 0.5}
        return ReportRow(
            trial, self.attempts[trial], self.segments[trial], step, step * 0.5,
            BEGAN_AT + step * 0.5, json.dumps(metrics).encode(), checkpoint,
        )  # fmt: skip

    def train(self, rounds: int = 1, *, exploit: bool = True) -> None:
        """Whole intervals of every member, each ended by a ranking and the copies after it."""
        for _ in range(rounds):
            last = self.step + self.interval
            records: list[object] = []
            rows: list[ReportRow] = []
            saved: dict[str, str] = {}
            for trial in self.trials:
                rows += [self.row(trial, step) for step in range(self.step + 1, last)]
                saved[trial] = f"{trial}/checkpoint_{last // self.interval - 1:06d}"
                rows.append(self.row(trial, last, saved[trial]))
                records += self._ranked(trial, last, saved[trial])
            self.step = last
            if exploit:
                records += self._exploits(saved)
            self.append(records, rows)

    def _ranked(self, trial: str, step: int, checkpoint: str) -> list[object]:
        score, time_s = self.scores[trial], step * 0.5
        attempt = self.attempts[trial]
        report = e.Report(trial, attempt, step, time_s, {"accuracy": score}, checkpoint)
        number = step // self.interval - 1
        return [
            e.Saved(trial, attempt, checkpoint, step, float(step), time_s, score, number=number),
            e.Reported((report,)),
            d.Ranked(trial, step, score, float(step), time_s, checkpoint),
        ]

    def _exploits(self, saved: dict[str, str]) -> list[object]:
        ranked = sorted(self.trials, key=lambda trial: self.scores[trial])
        size = len(ranked) // 4
        top = ranked[len(ranked) - size :]
        records: list[object] = []
        for trial in ranked[:size]:
            records += self.exploit(trial, self._rng.choice(top), saved)
        return records

    def exploit(self, trial: str, donor: str, saved: dict[str, str]) -> list[object]:
        """One copy, and the attempt that goes on from it."""
        old, new = self.configs[trial], dict(self.configs[donor])
        new["lr"] = min(1.0, max(1e-4, new["lr"] * self._rng.choice([0.8, 1.2])))
        new["momentum"] = min(0.99, max(0.5, new["momentum"] * self._rng.choice([0.97, 1.03])))
        if self._rng.random() < 0.25:
            new["augment"] = self._rng.choice(["none", "flip", "crop"])
        self.configs[trial], self.scores[trial] = new, self.scores[donor]
        self.segments[trial] += 1
        self.attempts[trial] += 1
        step, time_s = self.step, self.step * 0.5
        return [
            d.Exploited(
                trial, donor, donor, new, saved[donor], step, float(step), time_s,
                self.scores[donor], step, old, {"lr": "* 1.2"},
            ),
            d.Started(
                trial, self.attempts[trial], self.trials.index(trial), self.segments[trial], step,
                time_s, saved[donor],
            ),
        ]  # fmt: skip

    def end(self) -> Path:
        """Every member is done, and the journal one plain file."""
        records = [
            d.Completed(trial, f"training_iteration >= {self.step}") for trial in self.trials
        ]
        self.append(records, [])
        self.journal.close()
        return self.folder
