"""Numbers, times and scores as people read them."""

import math

import pytest

from pbtune.core.trial import Status
from pbtune.reporting import words
from pbtune.reporting.population import Member


def member(index, score=0.0, step=1, *, is_recent=False, status=Status.RUNNING):
    return Member(f"t{index}", index, status, step, score, {}, None, 0, is_recent)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-1, "0.0 s"),
        (0.34, "0.3 s"),
        (12.7, "12 s"),
        (59.9, "59 s"),
        (60, "1 min 00 s"),
        (3599, "59 min 59 s"),
        (3600, "1 h 00 min"),
        (86399, "23 h 59 min"),
        (190_000, "2 d 4 h"),
    ],
)
def test_a_time_has_two_units(seconds, expected):
    assert words.duration(seconds) == expected


@pytest.mark.parametrize(
    ("values", "width", "expected"),
    [
        ([], 5, ""),
        ([math.nan, math.inf], 5, ""),
        ([1.0], 0, ""),
        ([2.0, 2.0, 2.0], 5, "▁▁▁"),
        ([0.0, 1.0], 5, "▁█"),
        (list(range(100)), 4, "▁▃▆█"),
        ([-1.7e308, 1.7e308], 2, "▁█"),
        ([1.0, math.nan, 3.0], 5, "▁█"),
    ],
)
def test_a_sparkline_ends_with_what_is_newest(values, width, expected):
    assert words.sparkline(values, width) == expected


@pytest.mark.parametrize(
    ("config", "path", "expected"),
    [
        ({"lr": 0.123456789}, "lr", "0.1235"),
        ({"a": {"b": "x"}}, "a/b", "x"),
        ({"a/b": 2}, "a/b", "2"),
        ({"n": 12345678}, "n", "12345678"),
        ({"n": math.nan}, "n", "nan"),
        ({}, "gone", "None"),
    ],
)
def test_hyperparameters_are_shown_for_people(config, path, expected):
    assert words.text(config, path) == expected


def test_a_population_that_fits_is_shown_whole():
    members = [member(at) for at in range(5)]
    assert words.chosen(members, 5) == words.Chosen(members, [], [], [])


def test_of_a_large_population_the_best_the_changed_and_the_worst_are_shown():
    members = [member(at, -at, is_recent=at in {3, 50, 70}) for at in range(100)]
    chosen = words.chosen(members, 12)
    assert [it.index for it in chosen.best] == [0, 1, 2, 3, 4, 5, 6]
    assert [it.index for it in chosen.recent] == [50, 70]
    assert [it.index for it in chosen.worst] == [97, 98, 99]
    shown = {it.id for it in [*chosen.best, *chosen.recent, *chosen.worst]}
    assert [it.id for it in chosen.others] == [it.id for it in members if it.id not in shown]


def test_members_that_have_not_reported_are_not_the_worst():
    reported = [member(at, -at) for at in range(10)]
    waiting = [member(at, math.nan, 0, status=Status.PENDING) for at in range(10, 100)]
    chosen = words.chosen([*reported, *waiting], 8)
    assert [it.index for it in chosen.worst] == [8, 9]
    assert len(chosen.others) == 92
    said = words.rest(chosen.others)
    assert said == "92 more: 90 pending, 2 running, scores -7 to -6"


@pytest.mark.parametrize("count", range(1, 30))
def test_never_more_members_are_shown_than_fit_and_none_twice(count):
    members = [member(at, -at, is_recent=at % 7 == 0, step=at % 3) for at in range(29)]
    chosen = words.chosen(members, count)
    shown = [it.id for it in [*chosen.best, *chosen.recent, *chosen.worst]]
    assert len(shown) == len(set(shown)) == min(count, 29)
    assert sorted([*shown, *(it.id for it in chosen.others)]) == sorted(it.id for it in members)
