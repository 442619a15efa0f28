"""Every scheduler keeps the promises of one, whatever goes wrong around it."""

import pytest

from pbtune.core.pacing import Growth
from pbtune.core.proposals import TrustRegion
from pbtune.core.schedulers.asha import ASHA
from pbtune.core.schedulers.fifo import FIFO
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
from pbtune.models.gp import propose
from pbtune.testing.contracts import SchedulerContract

SPACE = {"lr": uniform(0.0, 1.0), "net": {"units": [8, 16, 32]}}
BOUNDS = {"lr": uniform(0.0, 1.0), "net": {"units": choice([8, 16, 32])}}
TWO = {"perturbation_interval": 2.0, "attr": "training_iteration"}
METHODS = {
    "fifo": FIFO(),
    "pbt": PBT(mutations=SPACE, **TWO),
    "pbt, synchronous": PBT(mutations=SPACE, synch=True, replace_failed=True, **TWO),
    "pbt, with a time-out": PBT(mutations=SPACE, synch=True, straggler_timeout_s=2.0, **TWO),
    "exploit only": PBT(mutations={}, **TWO),
    "tournament": PBT(mutations=SPACE, selection=BinaryTournament(), **TWO),
    "t-test": PBT(mutations=SPACE, selection=TTest(window=3, alpha=0.5), synch=True, **TWO),
    "gap": PBT(mutations=SPACE, selection=GapThreshold(0.02), **TWO),
    "growth": PBT(mutations=SPACE, growth=Growth(every=2), **TWO),
    "growth on stagnation": PBT(mutations=SPACE, growth=Growth(patience=1), synch=True, **TWO),
    "backtracking": PBT(mutations=SPACE, backtrack=True, **TWO),
    "multi-frequency": MFPBT(mutations=SPACE, frequencies=(1, 2), **TWO),
    "multi-frequency, tournament": MFPBT(
        mutations=SPACE, frequencies=(1, 2), selection=BinaryTournament(), **TWO
    ),
    "several metrics": MOPBT(mutations=SPACE, metrics=(("score", "max"), ("epoch", "min")), **TWO),
    "bandits": PB2(bounds=BOUNDS, model=propose, row_count_max=12, **TWO),
    "bandits, as BG-PBT": PB2(
        bounds=BOUNDS,
        model=propose,
        row_count_max=12,
        trust_region=TrustRegion(patience=2),
        backtrack=True,
        synch=True,
        **TWO,
    ),
    "iterated": IPBT(method=PBT(mutations=SPACE, **TWO), patience=1, **TWO),
    "iterated, with a hook": IPBT(
        method=PB2(bounds=BOUNDS, model=propose, row_count_max=12, **TWO),
        patience=1,
        restart_key="restarts",
        **TWO,
    ),
    "asha": ASHA(max_t=9.0, reduction_factor=2.0),
    "asha, in brackets, to the end": ASHA(
        max_t=6.0, reduction_factor=2.0, brackets=2, stop_last_trials=False
    ),
    "hyperband": HyperBand(max_t=9.0, reduction_factor=2.0),
    "hyperband, to the end": HyperBand(max_t=4.0, reduction_factor=2.0, stop_last_trials=False),
    "median": MedianStopping(attr="training_iteration", grace_period=2.0, min_samples_required=1),
    "median, soft": MedianStopping(
        attr="training_iteration", grace_period=1.0, min_samples_required=2, hard_stop=False
    ),
    "cosine": Scheduled(plan=Cosine(("lr",), 8.0), interval=2.0),
    "replay": Replay(initial={"lr": 0.5}, changes=((2, {"lr": 0.1}), (5, {"net": {"units": 8}}))),
    "fixed": Scheduled(plan=Fixed(((0.0, {"lr": 0.2}), (4.0, {"net/units": 32}))), interval=2.0),
}


@pytest.mark.slow
class TestSchedulers(SchedulerContract):
    @pytest.fixture(params=METHODS)
    def scheduler(self, request):
        return METHODS[request.param]
