"""One file that tells all of a run: to be mailed, kept with a paper, or opened without pbtune.

It holds its pictures, asks nothing of any server, runs no script, and says so to the browser.
"""

import base64
import io
import time
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from pbtune.errors import NoResult, SettingsError
from pbtune.journal.reader import JournalReader
from pbtune.reporting import html, words
from pbtune.reporting.lineage import lineage
from pbtune.reporting.plots import DRAWN
from pbtune.reporting.plots.data import Data, read
from pbtune.reporting.population import Look, Population, exploit_line
from pbtune.reporting.snapshot import RunView

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXPLOITS_MAX: Final = 500
MEMBERS_MAX: Final = 1000
_DPI: Final = 110
_SAID: Final = {
    "scores": "Scores, over training steps that are counted along the lineage",
    "lineage": "Who descends from whom: a line is a member that trains, a link is a copy",
    "schedule": "What the winner trained with, step by step",
    "diversity": "Whether the population still searched",
    "parallel": "Where the members ended",
}
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_STYLE: Final = """
body { margin: 24px auto; max-width: 1000px; padding: 0 16px; color: #1a1a1a; background: #fff; }
h1 { font-size: 24px; } h2 { font-size: 18px; margin-top: 32px; }
img { max-width: 100%; height: auto; } .wide { overflow-x: auto; }
pre { overflow-x: auto; background: #f5f5f5; padding: 8px; }
"""


def report(run_dir: Path) -> str:
    """A run's report as an HTML page; the run may still be training.

    Raises:
        RunUnreadable: If the folder is no run.
    """
    with JournalReader(run_dir) as reader:
        population = Population(reader)
    view, look = population.view, population.look()
    parts = [
        f"<h1>{escape(look.name)}</h1>",
        html.head(look),
        html.warnings(look),
        html.pairs(_facts(view)),
        *_pictures(run_dir),
        "<h2>Members</h2>",
        f'<div class="wide">{html.population(look, MEMBERS_MAX)}</div>',
        *_schedule(view, look),
        *_exploits(view),
        *_failures(view),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(look.name)}</title><style>{html.STYLE}{_STYLE}</style></head>"
        f'<body class="pbtune">{"".join(parts)}</body></html>\n'
    )


def _facts(view: RunView) -> dict[str, object]:
    header = view.header
    began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(header.created_at))
    facts = {
        "function": view.trainable,
        "metric": f"{header.metric or 'none'} ({header.mode or 'no mode'})",
        "scheduler": str(header.settings.get("scheduler", "")),
        "began": began,
        "seed": header.seed,
        "pbtune": header.pbtune_version,
        "Python": header.python_version,
    }
    return {name: value for name, value in facts.items() if value != ""}


def _pictures(run_dir: Path) -> Iterator[str]:
    try:
        data = read(run_dir)
    except NoResult:
        yield "<p>Nothing was reported yet: there is nothing to draw.</p>"
        return
    for kind, said in _SAID.items():
        yield f"<h2>{escape(said)}</h2>"
        try:
            yield _picture(kind, said, data)
        except (NoResult, SettingsError) as error:
            yield f"<p>{escape(str(error))}</p>"


def _picture(kind: str, said: str, data: Data) -> str:
    figure = cast("Figure", DRAWN[kind](data).get_figure(root=True))
    file = io.BytesIO()
    # Without a date: the same run gives the same picture.
    figure.savefig(file, format="png", dpi=_DPI, metadata={"Software": None})
    body = base64.b64encode(file.getvalue()).decode("ascii")
    return f'<img alt="{escape(said)}" src="data:image/png;base64,{body}">'


def _schedule(view: RunView, look: Look) -> Iterator[str]:
    if look.best is None:
        return
    names = list(look.mutated)
    rows = [html.row(["steps", "trained by", *names], range(2, 2 + len(names)), tag="th")]
    for piece in lineage(view, look.best.id):
        config = view.configs[piece.trial, piece.segment]
        last = look.best.step if piece.end_step > look.best.step else int(piece.end_step)
        cells = [f"{piece.start_step + 1} to {last}", piece.trial]
        cells += [words.text(config, name) for name in names]
        rows.append(html.row(cells, range(2, len(cells))))
    yield f"<h2>The schedule of {escape(look.best.id)}, the winner</h2>"
    table = f"<table><thead>{rows[0]}</thead><tbody>{''.join(rows[1:])}</tbody></table>"
    yield f'<div class="wide">{table}</div>'


def _exploits(view: RunView) -> Iterator[str]:
    if not view.exploits:
        return
    shown = view.exploits[-EXPLOITS_MAX:]
    yield f"<h2>Copies: {len(view.exploits):,}</h2>"
    if len(shown) < len(view.exploits):
        yield f"<p>The last {len(shown):,} of them:</p>"
    lines = [
        f"{words.duration(it.at - view.header.created_at)}  {exploit_line(view, it)}"
        for it in shown
    ]
    yield f"<details><summary>Each of them</summary>{html.items(lines)}</details>"


def _failures(view: RunView) -> Iterator[str]:
    if not view.failures:
        return
    yield "<h2>Failures</h2>"
    for trial, failures in view.failures.items():
        lines = [f"{trial}: {it.error}: {it.message}" for it in failures]
        yield html.items(lines)
        if failures[-1].traceback:
            body = escape(failures[-1].traceback)
            yield f"<details><summary>The last traceback</summary><pre>{body}</pre></details>"
