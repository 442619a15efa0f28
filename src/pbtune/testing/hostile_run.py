"""A stranger's run: every text in it tries to become a program."""

import json
from pathlib import Path
from typing import Any

from pbtune.core import decisions as d
from pbtune.core import events as e
from pbtune.core.experiment import Record
from pbtune.journal.base import Header, ReportRow
from pbtune.journal.sqlite import SqliteJournal

TAG = "<img src=x onerror=window.taken=1>"
SCRIPT = "<script>window.taken=2</script>"
BREAKOUT = "\"'><svg onload=window.taken=3>"
LINK = "javascript:window.taken=4"
FORMULA = "=cmd|' /C calc'!A0"
TURNED = "ab\u202ecd\x1b[31m\x00e"
NAME = f"run{SCRIPT}"
TRIALS = ("t0", f"t1{TAG}", f"t2/../{BREAKOUT}", f"t3.{LINK}")
METRIC = f"score/{TAG}"
PATH = f"lr{SCRIPT}"


def write_hostile_run(folder: Path) -> None:
    """Write it; the first member failed and the second one is a copy.

    Args:
        folder: The run's folder; made here.
    """
    folder.mkdir(mode=0o700)
    header = Header(
        NAME, f"train{TAG}", 7, 1_760_000_000.0, metric=METRIC, mode="max", mutated=(PATH, "kind"),
        domains={PATH: {"log": True}},
    )  # fmt: skip
    journal = SqliteJournal.create(folder / "run.db", header)
    configs: list[dict[str, Any]] = [
        {PATH: 0.1 * (at + 1), "kind": kind, FORMULA: FORMULA, "x": TURNED}
        for at, kind in enumerate((TAG, SCRIPT, BREAKOUT, LINK))
    ]
    records: list[Record] = [e.Opened(1)]
    records += [d.Created(it, at, configs[at]) for at, it in enumerate(TRIALS)]
    records += [d.Started(it, 1, at, 0, 0, 0.0) for at, it in enumerate(TRIALS)]
    rows: list[ReportRow] = []
    for at, trial in enumerate(TRIALS):
        for step in (1, 2, 3):
            metrics = {"score": {TAG: at + step}, f"loss{BREAKOUT}": 10**400, SCRIPT: TAG}
            body = json.dumps(metrics).encode() if step > 1 else b'{"%s":1}' % SCRIPT.encode()
            rows.append(ReportRow(trial, 1, 0, step, step, 1_760_000_000.0 + step, body))
    donor, copy = TRIALS[3], TRIALS[1]
    checkpoint = f"{donor}/checkpoint_000000"
    records += [
        e.Saved(donor, 1, checkpoint, 3, 3.0, 3.0, 6.0),
        d.Exploited(
            copy, donor, donor, {**configs[3], PATH: 0.5}, checkpoint, 3, 3.0, 3.0, 6.0, 3,
            configs[1], {PATH: TAG},
        ),
        d.Started(copy, 2, 1, 1, 3, 3.0, checkpoint),
        e.Failed(
            TRIALS[0], 1, f"Error{TAG}", f"message {BREAKOUT}", f"Traceback {SCRIPT}\n{TURNED}"
        ),
        e.Noticed(TRIALS[0], "odd", f"notice {TAG}{BREAKOUT}"),
        d.Completed(TRIALS[2], f"reason {SCRIPT}"),
        d.Halted(f"halted {TAG}"),
    ]  # fmt: skip
    journal.append(records, rows, 1_760_000_100.0)
    journal.close()
    log = folder / TRIALS[0]
    log.mkdir()
    (log / "output.log").write_text(f"line {TAG}\n{SCRIPT}{TURNED}\n")
