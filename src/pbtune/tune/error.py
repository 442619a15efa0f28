"""Tune's place for ``TuneError``."""

from pbtune.errors import PbtuneError as TuneError

__all__ = ["TuneError"]
