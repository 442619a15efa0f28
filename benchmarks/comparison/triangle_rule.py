"""The rule of the triangle, which B3 and its twin on Ray Tune share. It imports nothing."""

MIDPOINT = 100.0
TOLERANCE = 3.0
LR_LEAST, LR_MOST = 0.001, 0.01
LR_DOMAIN = (0.0001, 0.02)


def best_lr(accuracy: float, midpoint: float = MIDPOINT) -> float:
    """The best rate at an accuracy."""
    rising = accuracy if accuracy < midpoint else 2 * midpoint - accuracy
    return min(LR_MOST, max(LR_LEAST, LR_MOST * rising / midpoint))


def stepped(accuracy: float, lr: float, draw: float, midpoint: float = MIDPOINT) -> float:
    """One step of training, with a draw from [0, 1)."""
    best = best_lr(accuracy, midpoint)
    error = max(lr, best) / min(lr, best)
    if error < TOLERANCE:
        accuracy += draw / error
    elif lr > best:
        accuracy -= (error - TOLERANCE) * draw
    return max(0.0, accuracy)
