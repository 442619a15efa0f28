"""The comparison runs from end to end, with little to do."""

import csv

import pytest
from benchmarks.comparison.engine import Population, retrained
from benchmarks.comparison.methods import ALL, scheduler_of
from benchmarks.comparison.problems.quadratic import Quadratic
from benchmarks.comparison.problems.triangle import Triangle

from benchmarks import algorithms

MEMBERS, STEPS, INTERVAL = 8, 40, 5


def population(method, seed=0):
    problem = Quadratic(seed)
    problem.total = STEPS
    return Population(problem, scheduler_of(method, problem, INTERVAL), MEMBERS).run()


@pytest.mark.parametrize("method", ALL)
def test_every_method_spends_the_same_budget_and_gives_the_same_again(method):
    first, second = population(method), population(method)
    assert first.member_steps == MEMBERS * STEPS
    assert (first.score, first.area, first.schedule) == (
        second.score,
        second.area,
        second.schedule,
    )
    assert (first.copies > 0) == (method != "random search")


def test_all_methods_begin_with_the_same_configs():
    firsts = {population(method).schedule.pieces[0].config["lr"] for method in ("PBT", "PB2")}
    pool = {trial.first["lr"] for trial in run_of("PBT").state.trials.values()}
    assert firsts <= pool


def run_of(method):
    problem = Quadratic(0)
    problem.total = STEPS
    run = Population(problem, scheduler_of(method, problem, INTERVAL), MEMBERS)
    run.run()
    return run


def test_an_exported_schedule_leads_to_the_same_score_where_nothing_is_drawn():
    found = population("PBT")
    assert len(found.schedule.pieces) > 1
    again = retrained(Quadratic(0, 7), found.schedule)
    assert again.score == pytest.approx(found.score, rel=1e-12)
    assert again.member_steps == STEPS


@pytest.mark.slow
def test_the_report_is_written_from_the_files_and_what_is_there_is_not_run_again(
    tmp_path, monkeypatch
):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(Triangle, "total", 40)
    wishes = ["--out", str(tmp_path), "--only", "B3", "--intervals", "0", "4", "--jobs", "1"]
    assert algorithms.main(["--seeds", "1", *wishes, "--no-report"]) == 0
    path = tmp_path / "algorithms/raw/B3-members-8-interval-4.csv"
    before = path.read_text()
    assert algorithms.main(["--seeds", "2", *wishes]) == 0
    assert path.read_text().startswith(before)
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert {row["seed"] for row in rows} == {"0", "1"}
    assert {row["member_steps"] for row in rows} == {str(8 * 40)}
    page = (tmp_path / "algorithms.md").read_text()
    assert "## What has to hold" in page
    assert "## B3: the example's triangle, without noise" in page
    assert "best rate and selection, 8 members" in page
    assert (tmp_path / "algorithms/B3.png").exists()
