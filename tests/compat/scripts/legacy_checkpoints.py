"""Ways to make a checkpoint that Ray has taken out: each is an error that says what to do."""

import os

from ray import tune
from ray.tune import Checkpoint


def refused(call):
    try:
        call()
    except (AttributeError, TypeError) as error:
        return str(error)
    raise AssertionError("nothing was raised")


def old_way(config):
    tune.report({"loss": 1.0}, checkpoint=Checkpoint.from_dict({"weights": [1, 2]}))


if __name__ == "__main__":
    folder = os.path.join(os.environ.get("RESULTS") or ".", "some_checkpoint")
    os.makedirs(folder, exist_ok=True)
    checkpoint = Checkpoint.from_directory(folder)
    for name in ("to_dict", "to_bytes", "to_uri"):
        assert "from_directory" in refused(lambda: getattr(checkpoint, name)())
    for name in ("from_dict", "from_bytes", "from_uri"):
        refused(lambda: getattr(Checkpoint, name)({}))
    refused(lambda: tune.report(loss=1.0))
    results = tune.Tuner(
        old_way,
        run_config=tune.RunConfig(storage_path=os.environ.get("RESULTS"), verbose=0),
    ).fit()
    assert results.num_errors == 1
    assert "from_dict" in str(results.errors[0])
    print("PASSED")
