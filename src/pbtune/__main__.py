"""``python -m pbtune``: the same as the command ``pbtune``."""

from pbtune.cli import main

main(prog_name="pbtune")
