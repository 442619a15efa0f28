"""What a run shows: a screen in place on a terminal, plain lines elsewhere, where it is."""

import io
import platform
import re
from itertools import pairwise

import pytest

from pbtune.core.decisions import Completed, Created, Started
from pbtune.core.events import Opened
from pbtune.journal.lock import LOCK_NAME
from pbtune.journal.reader import JournalReader
from pbtune.journal.sqlite import SqliteJournal
from pbtune.reporting import terminal
from pbtune.reporting.population import Population
from pbtune.reporting.terminal import TerminalView


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def begun(count=2, lr=0.123456789):
    names = [f"t{at}" for at in range(count)]
    created = [Created(name, at, {"lr": lr}) for at, name in enumerate(names)]
    return [Opened(1), *created, *(Started(it, 1, at, 0, 0, 0.0) for at, it in enumerate(names))]


def without_codes(shown):
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)


def watched(run_dir, verbose, stream, **stopped):
    """Everything that a view shows of a run that is over before it looks twice."""
    last = io.StringIO()
    view = TerminalView(run_dir, verbose, stream, last)
    view.start()
    view.stop(**stopped)
    return without_codes(stream.getvalue()), last.getvalue()


@pytest.mark.parametrize("stream", [io.StringIO, Screen])
def test_the_last_line_says_where_the_run_is(run_dir, stream):
    for verbose in (0, 1, 2):
        _, last = watched(run_dir, verbose, stream())
        assert last == f"The run is in {run_dir}\n"


@pytest.mark.parametrize("stream", [io.StringIO, Screen])
def test_a_silent_run_shows_only_where_it_is(run_dir, stream):
    shown, _ = watched(run_dir, 0, stream())
    assert shown == ""


def test_an_interrupted_run_says_how_it_goes_on_even_if_it_is_silent(run_dir):
    for verbose in (0, 1):
        _, last = watched(run_dir, verbose, io.StringIO(), is_interrupted=True)
        assert last == f"Interrupted. To go on: pbtune resume {run_dir}\n"


def test_elsewhere_the_end_of_a_run_is_one_plain_line(run_dir):
    stream = io.StringIO()
    shown, _ = watched(run_dir, 1, stream)
    assert "\x1b" not in stream.getvalue()
    lines = [line for line in shown.splitlines() if not line.startswith("note: ")]
    [line] = lines
    assert re.match(r"climb: [\d.]+ s \| \d+ reports \| 4 done \| \d+ exploits \| best sc", line)


def test_a_terminal_that_can_only_print_gets_lines(run_dir, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    stream = Screen()
    watched(run_dir, 1, stream)
    assert "\x1b" not in stream.getvalue()
    assert "climb: " in stream.getvalue()


def test_on_a_terminal_the_end_of_a_run_is_its_table(run_dir):
    shown, _ = watched(run_dir, 1, Screen())
    assert "best score" in shown
    for word in ("trial", "status", "step", "score", "lr", "net/kind", "from", "done"):
        assert word in shown


@pytest.mark.parametrize("name", ["NO_COLOR", "PBTUNE_NO_COLOR"])
def test_colours_can_be_turned_off(run_dir, monkeypatch, name):
    coloured = Screen()
    watched(run_dir, 1, coloured)
    assert re.search(r"\x1b\[[0-9;]*3[0-9]m", coloured.getvalue())
    monkeypatch.setenv(name, "1")
    plain = Screen()
    watched(run_dir, 1, plain)
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", plain.getvalue())


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

    def wait(_s):
        now[0] += 1.0
        return now[0] > 120

    monkeypatch.setattr(terminal.time, "monotonic", lambda: now[0])
    view = TerminalView(run_dir, 1, io.StringIO())
    monkeypatch.setattr(view, "_print", lambda line: printed.append((now[0], line)))
    with JournalReader(run_dir) as reader:
        view._lines(Population(reader), wait)
    times = [at for at, line in printed if not line.startswith("note: ")]
    waits = [after - before for before, after in pairwise(times[:-1])]
    assert times[0] == 2.0
    assert waits == sorted(waits)
    assert waits[-1] == 30.0
    # What is still true is said once.
    notes = [line for _, line in printed if line.startswith("note: ")]
    assert len(notes) == len(set(notes))


def test_a_look_that_takes_long_makes_the_next_one_later(run_dir, monkeypatch):
    waits, now = [], [0.0]

    def clock():
        now[0] += 1.0
        return now[0]

    def wait(seconds):
        waits.append(seconds)
        return len(waits) == 3

    monkeypatch.setattr(terminal.time, "monotonic", clock)
    with JournalReader(run_dir) as reader:
        TerminalView(run_dir, 1, Screen())._live(Population(reader, lambda: 0.0), wait)
    assert waits == [terminal.REFRESH_S, 20.0, 20.0]


class TestWatch:
    def test_a_run_of_another_process_is_shown_until_it_has_ended(self, made_up):
        folder = made_up([(begun(2), [])])
        (folder / LOCK_NAME).write_text("4194304 another-machine")
        pauses, stream = [], Screen()

        def pause(seconds):
            pauses.append(seconds)
            if len(pauses) == 2:
                journal = SqliteJournal.open(folder / "run.db")
                journal.append([Completed("t0", "returned"), Completed("t1", "stop")], [], 1020.0)
                journal.close()

        look = TerminalView(folder, 1, stream).watch(pause)
        assert len(pauses) == 2
        assert look.is_ended
        shown = without_codes(stream.getvalue())
        assert "2 running" in shown
        assert shown.rindex("2 done") > shown.rindex("2 running")

    @pytest.mark.parametrize("written", ["", "4194304", f"4194304 {platform.node()}"])
    def test_it_ends_when_nobody_trains_the_run_any_more(self, made_up, written):
        folder = made_up([(begun(2), [])])
        (folder / LOCK_NAME).write_text(written)

        def pause(_seconds):
            pytest.fail("it waited")

        stream = io.StringIO()
        look = TerminalView(folder, 1, stream).watch(pause)
        assert not look.is_ended
        assert stream.getvalue() == "made_up: 10 s | 0 reports | 2 running | 0 exploits\n"
