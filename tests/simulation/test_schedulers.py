"""Every scheduler keeps the promises of one, whatever goes wrong around it."""

import pytest

from pbtune.core.pacing import Growth
from pbtune.core.schedulers.fifo import FIFO
from pbtune.core.schedulers.ipbt import IPBT
from pbtune.core.schedulers.mf_pbt import MFPBT
from pbtune.core.schedulers.pbt import PBT
from pbtune.core.schedulers.scheduled import Cosine, Scheduled
from pbtune.core.selection import BinaryTournament, GapThreshold, TTest
from pbtune.core.space import uniform
from pbtune.testing.contracts import SchedulerContract

SPACE = {"lr": uniform(0.0, 1.0), "net": {"units": [8, 16, 32]}}
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
    "backtracking": PBT(mutations=SPACE, backtrack=True, **TWO),
    "multi-frequency": MFPBT(mutations=SPACE, frequencies=(1, 2), **TWO),
    "iterated": IPBT(method=PBT(mutations=SPACE, **TWO), patience=1, **TWO),
    "cosine": Scheduled(plan=Cosine(("lr",), 8.0), interval=2.0),
}


@pytest.mark.slow
class TestSchedulers(SchedulerContract):
    @pytest.fixture(params=METHODS)
    def scheduler(self, request):
        return METHODS[request.param]
