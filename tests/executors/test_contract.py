"""What every executor promises, run for each of them."""

import pytest

from pbtune.executors.inline import InlineExecutor
from pbtune.testing.contracts.executors import ExecutorContract


class TestInlineExecutor(ExecutorContract):
    @pytest.fixture
    def make(self, settings):
        return lambda function: InlineExecutor(settings, function, {})


class TestForkedProcesses(ExecutorContract):
    @pytest.fixture
    def make(self, processes):
        return processes


@pytest.mark.slow
class TestSpawnedProcesses(ExecutorContract):
    @pytest.fixture
    def make(self, spawned, processes):
        return processes
