"""TensorBoard hears of a population: written by tensorboardX, read by TensorBoard's own reader."""

import pytest

pytest.importorskip("tensorboardX", reason="tensorboardX is not installed: make test-trackers")
reading = pytest.importorskip(
    "tensorboard.backend.event_processing.event_accumulator",
    reason="tensorboard is not installed: make test-trackers",
)

# The libraries and what they import warn of their own affairs.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def callback():
    from pbtune.tune.logger import TBXLoggerCallback

    return TBXLoggerCallback()


def test_each_members_folder_has_its_curve(train, callback):
    for result in train(callback):
        events = reading.EventAccumulator(result.path)
        events.Reload()
        points = [(it.step, pytest.approx(it.value)) for it in events.Scalars("ray/tune/score")]
        assert points == [(row["training_iteration"], row["score"]) for row in result.rows]
        assert "ray/tune/eval/loss" in events.Tags()["scalars"]
