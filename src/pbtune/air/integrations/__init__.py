"""Tune's place for trackers; they live in ``pbtune.integrations``."""
