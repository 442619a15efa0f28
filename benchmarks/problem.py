"""The problem of the PBT function example: the best learning rate is a triangle over accuracy."""

import random
from dataclasses import dataclass

MIDPOINT = 100.0
GOAL = 2 * MIDPOINT
TOLERANCE = 3.0
NOISE = 2.0
LR_LEAST, LR_MOST = 0.001, 0.01
LR_DOMAIN = (0.0001, 0.02)
FACTORS = (1, 2)
FIRST_CONFIG = {"lr": 0.0001, "some_other_factor": 1}
INTERVAL = 5
ITERATIONS_MAX = 1000
POPULATION = 8


@dataclass(frozen=True)
class Point:
    """Where one step of training led."""

    accuracy: float
    optimal_lr: float
    q_err: float

    @property
    def is_done(self) -> bool:
        """Whether the far foot of the triangle is reached."""
        return self.accuracy > GOAL


def advanced(accuracy: float, lr: float) -> Point:
    """One step of training, with the example's own generators."""
    rising = accuracy if accuracy < MIDPOINT else GOAL - accuracy
    optimal_lr = min(LR_MOST, max(LR_LEAST, LR_MOST * rising / MIDPOINT))
    q_err = max(lr, optimal_lr) / min(lr, optimal_lr)
    if q_err < TOLERANCE:
        accuracy += random.random() / q_err
    elif lr > optimal_lr:
        accuracy -= (q_err - TOLERANCE) * random.random()
    accuracy += NOISE * random.gauss(0.0, 1.0)
    return Point(max(0.0, accuracy), optimal_lr, q_err)


def metrics_of(point: Point, lr: float) -> dict[str, object]:
    """What the example reports about a step."""
    return {
        "mean_accuracy": point.accuracy,
        "cur_lr": lr,
        "optimal_lr": point.optimal_lr,
        "q_err": point.q_err,
        "done": point.is_done,
    }
