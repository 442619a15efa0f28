"""What holds for every method of population based training, whatever it is good for."""

import msgspec
import pytest

from pbtune.core.decisions import Exploited, GateOpened, IntervalGrown, Pinned
from pbtune.core.encoding import Point
from pbtune.core.pacing import Growth
from pbtune.core.proposals import TrustRegion
from pbtune.core.schedulers.asha import ASHA
from pbtune.core.schedulers.hyperband import HyperBand
from pbtune.core.schedulers.ipbt import IPBT
from pbtune.core.schedulers.median_stopping import MedianStopping
from pbtune.core.schedulers.mf_pbt import MFPBT
from pbtune.core.schedulers.mo_pbt import MOPBT
from pbtune.core.schedulers.pb2 import PB2
from pbtune.core.schedulers.pbt import PBT
from pbtune.core.schedulers.replay import Replay
from pbtune.core.schedulers.scheduled import Cosine, Fixed, Scheduled
from pbtune.core.selection import BinaryTournament, GapThreshold, TTest
from pbtune.core.space import choice, uniform
from pbtune.journal.settings_codec import decode_settings, encode_settings

SPACE = {"x": uniform(0.0, 1.0), "kind": choice(["a", "b"])}
FIVE = {"perturbation_interval": 5.0, "attr": "training_iteration"}


def nearest(question):
    """A model of nothing: between the centre and the best row, other kind."""
    best = max(question.rows, key=lambda row: row.gain).point
    pairs = zip(question.centre.numbers, best.numbers, strict=True)
    return Point(tuple((left + right) / 2 for left, right in pairs), best.categories)


def pbt(**changes):
    return PBT(mutations=SPACE, **FIVE, **changes)


def pb2(**changes):
    return PB2(bounds=SPACE, model=nearest, **FIVE, **changes)


METHODS = {
    "pbt": pbt(),
    "exploit-only": PBT(mutations={}, **FIVE),
    "tournament": pbt(selection=BinaryTournament()),
    "t-test": pbt(selection=TTest(window=5, alpha=0.3)),
    "gap": pbt(selection=GapThreshold(0.02)),
    "growth": pbt(growth=Growth(every=2)),
    "growth on stagnation": pbt(growth=Growth(patience=1)),
    "backtracking": pbt(backtrack=True),
    "backtracking t-test": pbt(backtrack=True, selection=TTest(window=3, alpha=0.5)),
    "pb2": pb2(),
    "bg-pbt": pb2(trust_region=TrustRegion(patience=3), backtrack=True),
    "mo-pbt": MOPBT(mutations=SPACE, metrics=(("score", "max"), ("cost", "min")), **FIVE),
}
SYNCHRONOUS = {
    **{name: msgspec.structs.replace(it, synch=True) for name, it in METHODS.items()},
    "mf-pbt": MFPBT(mutations=SPACE, frequencies=(1, 2, 4), **FIVE),
    "ipbt": IPBT(method=pbt(), patience=1, **FIVE),
    "ipbt with pb2": IPBT(method=pb2(), patience=1, restart_key="restarts", **FIVE),
}
CONTROLS = {
    "cosine": Scheduled(plan=Cosine(("x",), 40.0), interval=4.0),
    "replay": Replay(initial={"x": 0.2}, changes=((10, {"x": 0.5}), (20, {"kind": "a"}))),
    "fixed": Scheduled(plan=Fixed(((10.0, {"x": 0.5}),)), interval=4.0),
}
STOPPING = {
    "asha": ASHA(max_t=27.0, reduction_factor=3.0, brackets=2),
    "hyperband": HyperBand(max_t=9.0),
    "median": MedianStopping(attr="training_iteration", grace_period=4.0, hard_stop=False),
}
ALL = {
    **{f"{name}, asynchronous": it for name, it in METHODS.items()},
    **{f"{name}, synchronous": it for name, it in SYNCHRONOUS.items()},
    **CONTROLS,
    **STOPPING,
}


def train(weights, config, step):
    """Noise of its own for each config, plateaus, and a second metric that disagrees."""
    wave = ((step * 7919 + round(config["x"] * 997)) % 13) / 13 - 0.5
    level = min(weights + 1.0 - (config["x"] - 0.6) ** 2, 25.0)
    return level, {"score": level + wave, "cost": config["x"]}


@pytest.mark.parametrize("name", ALL)
def test_the_journal_alone_gives_the_state_and_the_same_decisions(toy, name):
    run = toy(ALL[name], train, SPACE, members=9, steps=60, seed=3)
    run.check()
    is_short = name in STOPPING or name.startswith("ipbt")
    assert run.step_count >= 9 * 60 or is_short


@pytest.mark.parametrize("name", ALL)
def test_fewer_slots_than_members_are_enough(toy, name):
    run = toy(ALL[name], train, SPACE, members=6, steps=30, slots=2, seed=4)
    assert all(trial.status.value == "DONE" for trial in run.state.trials.values())
    run.check()


@pytest.mark.parametrize("name", SYNCHRONOUS)
def test_a_synchronous_gate_gives_the_same_decisions_on_any_number_of_slots(toy, name):
    runs = [
        toy(SYNCHRONOUS[name], train, SPACE, members=6, steps=30, slots=slots) for slots in (2, 6)
    ]
    opened = [run.of(GateOpened) for run in runs]
    assert opened[0] == opened[1]
    copies = [
        [(it.trial, it.donor, it.config_donor, it.step, it.config) for it in run.of(Exploited)]
        for run in runs
    ]
    assert copies[0] == copies[1]


@pytest.mark.parametrize("name", ALL)
def test_the_settings_come_back_from_the_journal_alike(toy, name):
    settings = toy(ALL[name], train, SPACE, members=2, steps=1).settings
    text = encode_settings(settings)
    again = encode_settings(decode_settings(text, settings.objective.user_calls))
    # Of a callable only the name is stored, so what comes back is a stand-in.
    assert again.replace('"Named"', '"nearest"') == text


@pytest.mark.slow
def test_the_toys_are_worth_their_time(toy):
    runs = {
        name: toy(it, train, SPACE, members=9, steps=60, seed=3)
        for name, it in {**METHODS, **CONTROLS, **SYNCHRONOUS}.items()
    }
    for name, run in runs.items():
        assert run.of(Exploited), name
    assert runs["backtracking"].of(Pinned)
    assert runs["growth on stagnation"].of(IntervalGrown)
    assert runs["ipbt"].of(IntervalGrown)
