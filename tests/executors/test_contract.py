"""What every executor promises, run for each of them."""

import pytest

from pbtune.executors.inline import InlineExecutor
from pbtune.testing.contracts.executors import ExecutorContract


class TestInlineExecutor(ExecutorContract):
    @pytest.fixture
    def make(self, settings):
        return lambda function: InlineExecutor(settings, function, {})


class TestProcessExecutor(ExecutorContract):
    @pytest.fixture
    def make(self, processes):
        return processes
