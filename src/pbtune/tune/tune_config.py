"""Tune's place for ``TuneConfig``."""

from pbtune.tune.configs import TuneConfig as TuneConfig
from pbtune.tune.places import elsewhere
from pbtune.tune.resume_config import ResumeConfig as ResumeConfig

__all__ = ["ResumeConfig", "TuneConfig"]


def __getattr__(name: str) -> object:
    return elsewhere(__name__, name)
