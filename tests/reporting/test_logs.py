"""What trials print, followed in their files."""

import pytest

from pbtune.core.decisions import Created
from pbtune.core.events import Opened
from pbtune.journal.reader import JournalReader
from pbtune.reporting.logs import Logs
from pbtune.reporting.snapshot import RunView

ONE = [Opened(1), Created("t0", 0, {"lr": 0.5})]


class TestLogs:
    @pytest.fixture
    def log(self, made_up):
        self.folder = made_up([(ONE, [])])
        (self.folder / "t0").mkdir()
        return self.folder / "t0" / "output.log"

    def follow(self, *appended, last=b""):
        """What is shown after each piece was appended; the run ends with the last one."""
        path, shown = self.folder / "t0" / "output.log", []
        logs = Logs(self.folder, shown.append)
        with JournalReader(self.folder) as reader, path.open("ab", buffering=0) as file:
            view = RunView(reader)
            for piece in appended:
                file.write(piece)
                logs.follow(view)
            file.write(last)
            logs.follow(view, is_last=True)
        return shown

    def test_half_a_line_waits_for_its_end(self, log):
        assert self.follow(b"one\ntw", b"o\n") == ["(t0) one", "(t0) two"]

    def test_half_a_line_is_shown_when_the_run_ends(self, log):
        assert self.follow(b"one\n", last=b"tw") == ["(t0) one", "(t0) tw"]

    def test_nothing_is_shown_twice(self, log):
        assert self.follow(b"one\n", b"", b"", b"two\n") == ["(t0) one", "(t0) two"]

    def test_a_burst_is_shown_whole(self, log):
        lines = [b"%06d %s" % (at, b"x" * 93) for at in range(3000)]
        shown = self.follow(last=b"\n".join(lines))
        assert shown == [f"(t0) {line.decode()}" for line in lines]

    def test_a_line_longer_than_one_read_does_not_stop_the_next(self, log):
        shown = self.follow(b"x" * 200_000 + b"\n", b"next\n")
        assert "".join(line.removeprefix("(t0) ") for line in shown[:-1]) == "x" * 200_000
        assert shown[-1] == "(t0) next"

    def test_bytes_that_are_no_text_are_shown_somehow(self, log):
        assert self.follow(b"caf\xe9\n") == ["(t0) caf\ufffd"]

    def test_a_trial_that_printed_nothing_is_fine(self, made_up):
        folder, shown = made_up([(ONE, [])]), []
        with JournalReader(folder) as reader:
            Logs(folder, shown.append).follow(RunView(reader), is_last=True)
        assert shown == []
