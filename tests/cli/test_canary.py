"""Looking at a run that came from elsewhere runs no code of it; only going on with it does."""

import os
import pickle
import shutil

import pytest

pytestmark = pytest.mark.slow


class Canary:
    """Leaves a folder when it is unpickled."""

    def __init__(self, file):
        self._file = file

    def __reduce__(self):
        return (os.mkdir, (str(self._file),))


@pytest.fixture
def trapped(storage, tmp_path):
    """A copy of a run whose ``tuner.pkl`` and checkpoints are canaries; the folder they leave."""
    run_dir, file = tmp_path / "run", tmp_path / "canary"
    shutil.copytree(storage / "climb", run_dir)
    trap = pickle.dumps(Canary(file))
    (run_dir / "tuner.pkl").write_bytes(trap)
    for state in run_dir.glob("t*/checkpoint_*/*"):
        state.write_bytes(trap)
    return run_dir, file


@pytest.mark.parametrize(
    "args",
    [
        ("list", "--storage", "{parent}"),
        ("show", "{run}"),
        ("story", "{run}"),
        ("verify", "{run}"),
        ("export", "{run}"),
    ],
    ids=lambda args: args[0],
)
def test_looking_at_a_run_unpickles_nothing(call, trapped, args):
    run_dir, file = trapped
    result = call(*(it.format(run=run_dir, parent=run_dir.parent) for it in args))
    assert result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert not file.exists()


def test_going_on_with_it_does(call, trapped):
    run_dir, file = trapped
    call("resume", run_dir)
    assert file.exists()
