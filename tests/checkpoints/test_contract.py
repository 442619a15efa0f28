"""What every checkpoint store promises, run for each of them."""

import pytest

from pbtune.checkpoints.store import LocalStore
from pbtune.testing.contracts import CheckpointStoreContract


class TestLocalStore(CheckpointStoreContract):
    @pytest.fixture(params=["process", "power"])
    def store(self, tmp_path, request):
        run_dir = tmp_path / "run"
        run_dir.mkdir()
        return LocalStore(run_dir, durability=request.param)
