"""Small programs for Ray Tune. See ../asking.py."""
