"""What every part of a kind promises, as classes to subclass in a test.

    from pbtune.testing.contracts import JournalContract

    class TestMyJournal(JournalContract):
        @pytest.fixture
        def journal(self, tmp_path):
            return MyJournal(tmp_path)

Each says which fixtures it needs. They are plain classes with plain asserts, so that importing them
needs no test framework; for pytest's reports of failed asserts, put
``pytest.register_assert_rewrite("pbtune.testing.contracts")`` before the import.
"""

from pbtune.testing.contracts.checkpoints import CheckpointStoreContract
from pbtune.testing.contracts.executors import ExecutorContract
from pbtune.testing.contracts.journal import JournalContract
from pbtune.testing.contracts.schedulers import SchedulerContract

__all__ = ["CheckpointStoreContract", "ExecutorContract", "JournalContract", "SchedulerContract"]
