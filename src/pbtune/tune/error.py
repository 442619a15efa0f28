"""Tune's place for ``TuneError``."""

from pbtune.errors import NotInATrial as SessionMisuseError
from pbtune.errors import PbtuneError as TuneError

__all__ = ["SessionMisuseError", "TuneError"]
