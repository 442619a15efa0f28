"""The command line, as a person types it."""

import csv
import json
import math
import os
import platform
import shutil
import subprocess
import sys

import pytest

from pbtune.cli import VERBS
from pbtune.cli.output import as_json
from pbtune.core.decisions import Created
from pbtune.core.events import Opened
from pbtune.journal.base import Header
from pbtune.journal.lock import LOCK_NAME
from pbtune.journal.sqlite import SqliteJournal
from pbtune.version import __version__

PNG = b"\x89PNG\r\n\x1a\n"


def test_help_names_every_verb_with_its_line(call):
    for flag in ("--help", "-h"):
        result = call(flag)
        assert result.exit_code == 0
        for verb, (_, line) in VERBS.items():
            assert verb in result.output
            assert line in result.output


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_explains_itself(call, verb):
    result = call(verb, "--help")
    assert result.exit_code == 0
    assert f"Usage: main {verb}" in result.output


def test_the_version_is_told(call):
    assert call("--version").output == f"pbtune, version {__version__}\n"


def test_a_verb_that_is_none_is_a_usage_error(call):
    result = call("paint")
    assert result.exit_code == 2
    assert "paint" in result.output


@pytest.mark.slow
def test_the_module_is_the_command():
    command = [sys.executable, "-m", "pbtune", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"pbtune, version {__version__}\n"


def test_list_shows_the_runs_the_newest_first(call):
    result = call("list")
    assert result.exit_code == 0
    lines = [line for line in result.output.splitlines() if "ended" in line]
    assert ["fail" in line for line in lines] == [True, False]
    assert ["climb" in line for line in lines] == [False, True]


def test_list_gives_json_to_programs(call):
    rows = {row["run"]: row for row in json.loads(call("list", "-f", "json").output)}
    assert set(rows) == {"climb", "fail"}
    assert rows["climb"]["members"] == 4
    assert rows["climb"]["exploits"] >= 1
    assert rows["climb"]["state"] == "ended"
    assert rows["fail"]["reports"] == 4
    assert rows["fail"]["best"] == 1.0


def test_list_takes_a_storage_folder(call, tmp_path):
    result = call("list", "--storage", tmp_path)
    assert (result.exit_code, result.output) == (0, f"{tmp_path} has no runs.\n")
    assert json.loads(call("list", "-f", "json", "--storage", tmp_path).stdout) == []


def test_list_goes_on_behind_a_run_that_cannot_be_read(call, storage, tmp_path):
    shutil.copytree(storage / "climb", tmp_path / "climb")
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "run.db").write_text("no database")
    result = call("list", "-f", "json", "--storage", tmp_path)
    assert result.exit_code == 0
    assert [row["run"] for row in json.loads(result.stdout)] == ["climb"]
    assert "damaged" in result.stderr


def test_show_shows_the_population_and_where_it_is(call, storage):
    result = call("show", "climb")
    assert result.exit_code == 0
    assert result.output.count("  done ") == 4
    assert f"climb | seed 3 | {storage / 'climb'}\n" in result.output


def test_show_gives_every_member_to_programs_the_best_first(call, storage):
    facts = json.loads(call("show", "climb", "-f", "json").stdout)
    assert facts["path"] == str(storage / "climb")
    assert facts["state"] == "ended"
    assert facts["members"][0] == facts["best"]
    scores = [it["score"] for it in facts["members"]]
    assert scores == sorted(scores, reverse=True)
    rows = list(csv.DictReader(call("show", "climb", "-f", "csv").stdout.splitlines()))
    assert [row["trial"] for row in rows] == [it["trial"] for it in facts["members"]]
    assert [float(row["config/lr"]) for row in rows] == [
        it["config"]["lr"] for it in facts["members"]
    ]


def test_json_has_no_number_that_json_does_not_know():
    assert json.loads(as_json({"a": math.nan, "b": [math.inf, 1.5]})) == {
        "a": None,
        "b": [None, 1.5],
    }


def test_list_gives_csv_to_programs(call, tmp_path):
    rows = list(csv.DictReader(call("list", "-f", "csv").stdout.splitlines()))
    assert [row["run"] for row in rows] == ["fail", "climb"]
    assert rows[1]["members"] == "4"
    assert call("list", "-f", "csv", "--storage", tmp_path).stdout.startswith("run,created,state")


@pytest.mark.parametrize(
    ("pid", "state"),
    [
        ("", "interrupted"),
        (str(os.getpid()), "training"),
        (f"4194304 {platform.node()}", "killed"),
        ("1 another-machine", "elsewhere"),
    ],
    ids=["interrupted", "training", "killed", "elsewhere"],
)
def test_list_says_who_trains(call, tmp_path, pid, state):
    folder = tmp_path / "open"
    folder.mkdir()
    header = Header("open", "train_fn", 7, 1000.0)
    journal = SqliteJournal.create(folder / "run.db", header)
    journal.append([Opened(1), Created("t0", 0, {})], [], 1001.0)
    journal.close()
    (folder / LOCK_NAME).write_text(pid)
    [row] = json.loads(call("list", "-f", "json", "--storage", tmp_path).stdout)
    assert row["state"] == state


def test_story_gives_records_to_programs(call):
    told = call("story", "climb").output.splitlines()
    as_records = [
        json.loads(line) for line in call("story", "climb", "-f", "json").output.splitlines()
    ]
    rows = list(csv.DictReader(call("story", "climb", "-f", "csv").output.splitlines()))
    assert len(told) == len(as_records) == len(rows)
    assert as_records[0]["kind"] == as_records[0]["record"]["kind"] == "opened"
    assert told[0].endswith(f"  {rows[0]['text']}")
    copies = [it for it in as_records if it["kind"] == "exploited"]
    assert copies
    assert all("←" in it["text"] for it in copies)


def test_show_takes_a_path_too(call, storage, tmp_path):
    by_path = call("show", storage / "climb", "--storage", tmp_path)
    assert by_path.output == call("show", "climb").output


def test_show_tells_what_failed_with_its_traceback(call):
    result = call("show", "fail")
    assert result.exit_code == 0
    assert result.output.count("ValueError: the data set is [empty]") >= 4
    assert 'raise ValueError("the data set is [empty]")' in result.output


def test_show_breaks_no_line_that_is_to_be_copied(call, storage, tmp_path):
    deep = tmp_path / ("a-long-name-" * 10)
    shutil.copytree(storage / "fail", deep / "fail")
    assert f"{deep / 'fail'}\n" in call("show", deep / "fail", COLUMNS="40").output


@pytest.mark.parametrize("verb", ["show", "plot"])
def test_a_run_that_is_not_there_is_named_beside_those_that_are(call, storage, verb):
    result = call(verb, "clime")
    assert result.exit_code == 1
    assert "there is no run 'clime'" in result.output
    assert f"{storage} has climb, fail" in result.output


@pytest.mark.parametrize("verb", ["show", "plot"])
def test_a_damaged_run_is_one_line_and_no_traceback(call, tmp_path, verb):
    (tmp_path / "run.db").write_text("no database")
    result = call(verb, tmp_path)
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert "run.db" in result.output


@pytest.mark.slow
def test_plot_writes_the_picture_and_says_where(call, tmp_path):
    target = tmp_path / "climb.png"
    result = call("plot", "climb", "-o", target, "--compare", "lr=best_lr")
    assert (result.exit_code, result.output) == (0, f"{target}\n")
    assert target.read_bytes().startswith(PNG)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["--compare", "lr"], 2, "must be HYPERPARAMETER=METRIC"),
        (["--compare", "lr=speed"], 1, "no report has the number 'speed'"),
        (["--compare", "speed=score"], 1, "no config has 'speed'"),
        (["-o", "climb.xyz"], 1, "climb.xyz"),
        (["-o", "nowhere/climb.png"], 1, "nowhere"),
    ],
)
def test_plot_says_what_it_cannot_draw(call, tmp_path, monkeypatch, args, code, said):
    monkeypatch.chdir(tmp_path)
    result = call("plot", "climb", *args)
    assert result.exit_code == code
    assert said in result.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_report_writes_one_file_by_the_runs_name(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert call("report", "climb").output == "climb.html\n"
    assert (tmp_path / "climb.html").read_text().startswith("<!doctype html>")
    refused = call("report", "climb", "-o", tmp_path / "nowhere" / "r.html")
    assert refused.exit_code == 1
    assert "can't be written" in refused.output


def test_run_gives_the_script_its_arguments_its_name_and_its_folder(call, tmp_path):
    (tmp_path / "beside.py").write_text("VALUE = 42")
    script = tmp_path / "script.py"
    script.write_text("import sys, beside\nprint(__name__, beside.VALUE, sys.argv)")
    result = call("run", script, "--epochs", "10", "--help")
    sys.modules.pop("beside")
    assert result.output == f"__main__ 42 {[str(script), '--epochs', '10', '--help']}\n"


def test_run_trains(call, script, tmp_path):
    result = call("run", script, "climb", PBTUNE_STORAGE=str(tmp_path))
    assert result.exit_code == 0, result.output
    assert "best " in result.output
    assert sorted(path.name for path in (tmp_path / "climb").iterdir() if path.is_file()) == [
        LOCK_NAME,
        "run.db",
        "tuner.pkl",
    ]


def test_run_as_ray_runs_a_script_that_knows_only_ray(call, tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import ray\nfrom ray import tune\nprint(tune.Tuner.__module__)")
    assert call("run", "--as-ray", script).output == "pbtune.tune.tuner\n"


def test_run_ends_with_the_scripts_own_exit_code(call, tmp_path):
    script = tmp_path / "script.py"
    script.write_text("raise SystemExit(7)")
    assert call("run", script).exit_code == 7


def test_run_lets_the_scripts_own_error_through(call, tmp_path):
    script = tmp_path / "script.py"
    script.write_text("{}['key']")
    result = call("run", script)
    assert isinstance(result.exception, KeyError)


def test_run_names_a_script_that_is_not_there(call, tmp_path):
    result = call("run", tmp_path / "gone.py")
    assert result.exit_code == 2
    assert "gone.py" in result.output
