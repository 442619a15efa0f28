"""What the user sees, read from the journal and never from the driver.

snapshot.py   the read model: records folded, with what pictures and tables ask for
rows.py       one report as Tune shows it, with the keys filled in that Tune fills in
lineage.py    which pieces of which members made a result
terminal.py   the screen in place, the plain lines, and the last one
plots/        pictures
"""
