"""Tune's place for the domains of a search space."""

from pbtune.core.domain import AbstractDomain as Domain
from pbtune.core.space import Categorical as Categorical
from pbtune.core.space import Float as Float
from pbtune.core.space import Function as Function
from pbtune.core.space import Integer as Integer
from pbtune.core.space import choice as choice
from pbtune.core.space import lograndint as lograndint
from pbtune.core.space import loguniform as loguniform
from pbtune.core.space import qlograndint as qlograndint
from pbtune.core.space import qloguniform as qloguniform
from pbtune.core.space import qrandint as qrandint
from pbtune.core.space import qrandn as qrandn
from pbtune.core.space import quniform as quniform
from pbtune.core.space import randint as randint
from pbtune.core.space import randn as randn
from pbtune.core.space import sample_from as sample_from
from pbtune.core.space import uniform as uniform
from pbtune.tune.places import elsewhere

__all__ = [
    "Categorical",
    "Domain",
    "Float",
    "Function",
    "Integer",
    "choice",
    "lograndint",
    "loguniform",
    "qlograndint",
    "qloguniform",
    "qrandint",
    "qrandn",
    "quniform",
    "randint",
    "randn",
    "sample_from",
    "uniform",
]


def __getattr__(name: str) -> object:
    return elsewhere(__name__, name)
