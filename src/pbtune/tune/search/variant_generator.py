"""Tune's place for ``grid_search``."""

from pbtune.core.space import grid_search as grid_search

__all__ = ["grid_search"]
