"""The PBT function example as one hand-written loop: the same work, the same checkpoint files.

One process, eight members in turn, five steps each: checkpoint through a temporary directory,
rank, replace the worst quarter by explored copies of the best quarter, keep two checkpoints a
member and whatever a copy may still need. Nothing is resumable, recorded or shown: this is the
floor that an engine is compared with.
"""

import argparse
import json
import math
import random
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.problem import (
    FACTORS,
    FIRST_CONFIG,
    INTERVAL,
    ITERATIONS_MAX,
    LR_DOMAIN,
    POPULATION,
    advanced,
    metrics_of,
)

QUANTILE, RESAMPLE = 0.25, 0.25
KEEP = 2


@dataclass
class Member:
    """One member of the population, where it stands."""

    index: int
    folder: Path
    config: dict[str, float]
    accuracy: float = 0.0
    step: int = 0
    is_done: bool = False
    score: float | None = None
    saved_count: int = 0
    latest: Path | None = None
    kept: list[tuple[float, Path]] = field(default_factory=list)
    reports: list[dict[str, object]] = field(default_factory=list)


def train_interval(member: Member) -> bool:
    """Train to the next checkpoint, or to the end.

    Returns:
        Whether the member is ready to be ranked.
    """
    lr = member.config["lr"]
    while True:
        point = advanced(member.accuracy, lr)
        member.accuracy = point.accuracy
        member.step += 1
        member.reports.append(metrics_of(point, lr))
        is_due = member.step % INTERVAL == 0
        if is_due:
            save(member)
        if point.is_done or member.step >= ITERATIONS_MAX:
            member.is_done = True
            return False
        if is_due:
            member.score = point.accuracy
            return True


def save(member: Member) -> None:
    """Write a checkpoint as the example does, move it to its place, and delete the worst."""
    target = member.folder / f"checkpoint_{member.saved_count:06d}"
    member.saved_count += 1
    # Under another name first: a checkpoint is whole or absent.
    half = member.folder / f".{target.name}"
    half.mkdir()
    state = {"acc": member.accuracy, "step": member.step}
    (half / "checkpoint.json").write_text(json.dumps(state))
    half.rename(target)
    member.latest = target
    member.kept.append((member.accuracy, target))
    while len(member.kept) > KEEP:
        # The newest is what a copy starts from, so it stays whatever its score.
        worst = min(member.kept[:-1])
        member.kept.remove(worst)
        shutil.rmtree(worst[1])


def explored(config: dict[str, float]) -> dict[str, float]:
    """A donor's config, perturbed or resampled."""
    low, high = LR_DOMAIN
    lr = config["lr"] * random.choice((1.2, 0.8))
    if random.random() < RESAMPLE:
        lr = random.uniform(low, high)
    at = FACTORS.index(int(config["some_other_factor"])) + random.choice((-1, 1))
    factor = FACTORS[max(0, min(len(FACTORS) - 1, at))]
    if random.random() < RESAMPLE:
        factor = random.choice(FACTORS)
    return {**config, "lr": max(low, min(high, lr)), "some_other_factor": factor}


def exploit(member: Member, population: list[Member]) -> bool:
    """Replace a member of the bottom by a copy of one of the top.

    Returns:
        Whether it was replaced.
    """
    ranked = sorted(
        (m for m in population if m.score is not None and not m.is_done),
        key=lambda m: (m.score, m.index),
    )
    size = min(math.ceil(len(ranked) * QUANTILE), len(ranked) // 2)
    if member not in ranked[:size]:
        return False
    donor = random.choice(ranked[len(ranked) - size :])
    if donor.latest is None:
        return False
    with open(donor.latest / "checkpoint.json") as file:  # noqa: PTH123 - as the example
        state = json.load(file)
    member.accuracy, member.step = state["acc"], state["step"]
    member.config = explored(donor.config)
    return True


def train_population(folder: Path) -> tuple[list[Member], int]:
    """Train everybody to the end.

    Returns:
        The members, and how often one was replaced.
    """
    population = [
        Member(index, folder / f"t{index}", dict(FIRST_CONFIG)) for index in range(POPULATION)
    ]
    for member in population:
        member.folder.mkdir()
    exploit_count = 0
    while live := [member for member in population if not member.is_done]:
        for member in live:
            if train_interval(member):
                exploit_count += exploit(member, population)
    return population, exploit_count


def main() -> None:
    """Run once and print what came of it as a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    random.seed(seed)
    with tempfile.TemporaryDirectory() as folder:
        start_s = time.perf_counter()
        population, exploit_count = train_population(Path(folder))
        loop_s = time.perf_counter() - start_s
    result = {
        "reports": sum(len(member.reports) for member in population),
        "loop_s": loop_s,
        "exploits": exploit_count,
        "reached_goal": sum(bool(member.reports[-1]["done"]) for member in population),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
