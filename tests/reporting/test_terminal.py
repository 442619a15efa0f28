"""What a run shows: a live table on a terminal, plain lines elsewhere, the place at the end."""

import io
import math
import re
from itertools import pairwise

import pytest
from rich.console import Console

from pbtune.core.decisions import Completed, Created, Exploited, Started
from pbtune.core.events import Failed, Opened, Saved
from pbtune.journal.reader import JournalReader
from pbtune.reporting import terminal
from pbtune.reporting.snapshot import RunView
from pbtune.reporting.terminal import Logs, TerminalView, scores, summary, table


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def begun(count=2, lr=0.123456789):
    names = [f"t{at}" for at in range(count)]
    created = [Created(name, at, {"lr": lr}) for at, name in enumerate(names)]
    return [Opened(1), *created, *(Started(it, 1, at, 0, 0, 0.0) for at, it in enumerate(names))]


def watched(run_dir, verbose, stream):
    """Everything that a view shows of a run that is over before it looks twice."""
    last = io.StringIO()
    view = TerminalView(run_dir, verbose, stream, last)
    view.start()
    view.stop()
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", stream.getvalue()), last.getvalue()


def lines_of(shown, width=160):
    console = Console(file=io.StringIO(), width=width, markup=False, emoji=False)
    console.print(shown)
    return console.file.getvalue()


def look(run_dir, ask):
    with JournalReader(run_dir) as reader:
        return ask(RunView(reader), reader)


@pytest.mark.parametrize("stream", [io.StringIO, Screen])
def test_the_last_line_always_says_where_the_run_is(run_dir, stream):
    for verbose in (0, 1, 2):
        _, last = watched(run_dir, verbose, stream())
        assert last == f"The run is in {run_dir}\n"


@pytest.mark.parametrize("stream", [io.StringIO, Screen])
def test_a_silent_run_shows_nothing_else(run_dir, stream):
    shown, _ = watched(run_dir, 0, stream())
    assert shown == ""


def test_elsewhere_the_end_of_a_run_is_one_plain_line(run_dir):
    shown, _ = watched(run_dir, 1, io.StringIO())
    assert shown.count("\n") == 1
    assert re.match(r"climb: \d+\.\d s \| \d+ reports \| 4 done \| \d+ exploits \| best sc", shown)


def test_on_a_terminal_the_end_of_a_run_is_its_table(run_dir):
    shown, _ = watched(run_dir, 1, Screen())
    assert "best score" in shown
    for word in ("trial", "status", "step", "score", "lr", "net/kind", "from", "failures", "DONE"):
        assert word in shown


@pytest.mark.parametrize("stream", [io.StringIO, Screen])
def test_lines_that_trials_print_are_shown_with_their_name_if_asked(made_up, stream):
    folder = made_up([(begun(), [])])
    (folder / "t1").mkdir()
    (folder / "t1" / "output.log").write_text("loss: [bold]0.5[/nothing] :warning:\nhalf a line")
    said = "(t1) loss: [bold]0.5[/nothing] :warning:\n"
    assert said not in watched(folder, 1, stream())[0]
    shown, _ = watched(folder, 2, stream())
    assert said in shown
    assert "(t1) half a line\n" in shown


def test_values_that_look_like_markup_are_shown_as_they_are(made_up):
    folder = made_up([(begun(lr="[/lr] :warning:"), [])], "[red]run")
    shown, _ = watched(folder, 1, Screen())
    assert "[/lr] :warning:" in shown
    assert "[red]run" in shown


def test_a_view_that_breaks_warns_and_lets_training_go_on(run_dir, monkeypatch):
    raised = []
    monkeypatch.setattr(terminal.warnings, "warn", lambda *args, **_: raised.append(args[0]))
    stream = io.StringIO()
    view = TerminalView(run_dir / "nowhere", 1, stream, io.StringIO())
    view.start()
    view.stop()
    [message] = raised
    assert "the view of the run stopped" in message
    assert "nowhere" in message


def test_the_lines_come_at_a_pace_that_calms_down(run_dir, monkeypatch):
    """The thread's clock is ours: a second passes at each look."""
    now, printed = [0.0], []

    class Stop:
        def wait(self, _s):
            now[0] += 1.0
            return now[0] > 120

        def set(self):
            pass

    monkeypatch.setattr(terminal.time, "monotonic", lambda: now[0])
    view = TerminalView(run_dir, 1, io.StringIO())
    view._stopping = Stop()
    monkeypatch.setattr(view, "_print", lambda _line: printed.append(now[0]))
    with JournalReader(run_dir) as reader:
        view._lines(reader)
    waits = [after - before for before, after in pairwise(printed[:-1])]
    assert printed[0] == 2.0
    assert waits == sorted(waits)
    assert waits[-1] == 30.0


def test_the_summary_counts_states_reports_and_exploits(made_up, row):
    saved = Saved("t0", 1, "t0/checkpoint_000000", 1, 1.0, 0.5)
    copied = Exploited("t1", "t0", "t0", {"lr": 1.0}, "t0/checkpoint_000000", 1, 1.0, 0.5, 1.0)
    history = [
        (begun(4), [row("t0", 1, '{"score":1}'), row("t1", 1, '{"score":5}')]),
        ([saved, copied, Completed("t2", "returned")], []),
    ]
    said = look(made_up(history), summary)
    assert said == (
        "made_up: 10.0 s | 2 reports | 2 running, 1 paused, 1 done | 1 exploits | best score 5 (t1)"
    )


def test_a_loss_is_shown_as_it_was_reported(made_up, row):
    rows = [row("t0", 1, '{"score":-2.5}'), row("t1", 1, '{"score":3}')]
    folder = made_up([(begun(), rows)], mode="min")
    assert look(folder, summary).endswith("best score -2.5 (t0)")
    first = next(line for line in lines_of(look(folder, table)).splitlines() if "RUNNING" in line)
    assert "t0" in first
    assert "-2.5" in first


def test_the_first_of_equals_is_called_the_best(made_up, row):
    rows = [row(name, 1, '{"score":7}') for name in ("t1", "t0")]
    assert look(made_up([(begun(), rows)]), summary).endswith("best score 7 (t0)")


def test_without_a_metric_nobody_is_best(made_up, row):
    folder = made_up([(begun(), [row("t0", 1, '{"loss":1}')])], metric=None, mode=None)
    assert "best" not in look(folder, summary)
    assert look(folder, scores) == []
    assert "t0" in lines_of(look(folder, table))


def test_a_score_of_nan_is_left_out_and_sorted_last(made_up, row):
    rows = [row("t0", 1, '{"score":{"$float":"nan"}}'), row("t1", 1, '{"score":1}')]
    folder = made_up([(begun(3), rows)])
    assert look(folder, scores) == [(1.0, "t1")]
    shown = [
        line.split()[1] for line in lines_of(look(folder, table)).splitlines() if "RUN" in line
    ]
    assert shown == ["t1", "t0", "t2"]


def test_a_large_population_is_cut_and_says_so(made_up, row):
    count = terminal.ROWS_MAX + 5
    rows = [row(f"t{at}", 1, f'{{"score":{at}}}') for at in range(count)]
    text = lines_of(look(made_up([(begun(count), rows)]), table))
    assert text.count("RUNNING") == terminal.ROWS_MAX
    assert f"t{count - 1} " in text
    assert "t4 " not in text
    assert "and 5 more" in text


def test_failures_are_counted_and_donors_named(made_up):
    saved = Saved("t0", 1, "t0/checkpoint_000000", 1, 1.0, 0.5)
    copied = Exploited("t1", "t0", "t0", {"lr": 0.5}, "t0/checkpoint_000000", 1, 1.0, 0.5, 1.0)
    failed = Failed("t0", 1, "ValueError", "no")
    text = lines_of(look(made_up([([*begun(), saved, copied, failed], [])]), table))
    cells = {
        line.split("│")[1].strip(): [cell.strip() for cell in line.split("│")[1:-1]]
        for line in text.splitlines()
        if "│" in line
    }
    assert cells["t0"][-2:] == ["", "1"]
    assert cells["t1"][-2:] == ["t0", ""]
    assert cells["t1"][4] == "0.5"


@pytest.mark.parametrize(
    ("config", "path", "expected"),
    [
        ({"lr": 0.123456789}, "lr", "0.1235"),
        ({"a": {"b": "x"}}, "a/b", "x"),
        ({"n": 12345678}, "n", "12345678"),
        ({"n": math.nan}, "n", "nan"),
        ({}, "gone", "None"),
    ],
)
def test_hyperparameters_are_shown_for_people(config, path, expected):
    assert terminal.text(config, path) == expected


class TestLogs:
    @pytest.fixture
    def log(self, made_up):
        self.folder = made_up([(begun(1), [])])
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
        folder, shown = made_up([(begun(1), [])]), []
        with JournalReader(folder) as reader:
            Logs(folder, shown.append).follow(RunView(reader), is_last=True)
        assert shown == []
