"""The documents are true: their programs run, their links lead somewhere, every room has a page."""

import re
import shlex
import sqlite3
from pathlib import Path

import pytest

import pbtune
from pbtune.cli import VERBS

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "pbtune"
DESIGN = ROOT / "docs" / "design"
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def blocks(text, language):
    return [body for kind, body in FENCE.findall(text) if kind == language]


def anchor(heading):
    """A heading's name in a link, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def broken_links(page):
    """The relative links of a page that lead nowhere; code is no link."""
    broken = []
    for link in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, name = link.partition("#")
        target = (page.parent / path) if path else page
        if not target.exists():
            broken.append(link)
        elif name:
            headings = HEADING.findall(FENCE.sub("", target.read_text(encoding="utf-8")))
            broken += [link] if name not in map(anchor, headings) else []
    return broken


def has_answers(rows):
    """Whether each column of a query's rows has a value; a path that isn't there gives none."""
    return bool(rows) and all(
        any(it is not None for it in column) for column in zip(*rows, strict=True)
    )


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a program inline in an empty folder, and gives the runs that it left there."""
    monkeypatch.delenv("PBTUNE_STORAGE", raising=False)
    monkeypatch.chdir(tmp_path)
    pbtune.init(executor="inline")

    def call(program):
        exec(compile(program, "README.md", "exec"), {"__name__": "__main__"})
        return sorted(path.parent for path in tmp_path.glob("pbtune_results/*/run.db"))

    yield call
    pbtune.shutdown()


def test_the_readme_has_a_program():
    assert len(blocks(README, "python")) >= 1


@pytest.mark.slow
@pytest.mark.parametrize("program", blocks(README, "python"))
def test_a_program_of_the_readme_trains_a_population_to_its_end(run, program, capsys):
    (folder,) = run(program)
    assert capsys.readouterr().out != ""
    with sqlite3.connect(f"file:{folder / 'run.db'}?mode=ro", uri=True) as database:
        statuses = database.execute("SELECT status, count(*) FROM trials GROUP BY 1").fetchall()
        (exploits,) = database.execute("SELECT count(*) FROM exploits").fetchone()
    database.close()
    assert statuses == [("DONE", 8)]
    assert exploits > 0


@pytest.mark.slow
def test_the_readmes_queries_have_answers(run):
    words = shlex.split("\n".join(blocks(README, "sh")), comments=True)
    queries = [word for word in words if word.startswith("SELECT")]
    (folder,) = run(blocks(README, "python")[0])
    database = sqlite3.connect(f"file:{folder / 'run.db'}?mode=ro", uri=True)
    answers = {query: database.execute(query).fetchall() for query in queries}
    database.close()
    assert len(answers) >= 4
    assert [query for query, rows in answers.items() if not has_answers(rows)] == []


def test_the_readme_names_no_verb_that_is_not_there():
    commands = re.findall(r"^pbtune (\w+)", "\n".join(blocks(README, "sh")), re.MULTILINE)
    assert {"run", "list", "show", "plot"} <= set(commands) <= set(VERBS)


def test_the_makefile_has_every_target_that_the_documents_name():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    texts = [page.read_text(encoding="utf-8") for page in PAGES]
    commands = [line for text in texts for body in blocks(text, "sh") for line in body.split("\n")]
    commands += [command for text in texts for command in re.findall("`([^`\n]+)`", text)]
    named = {name for line in commands for name in re.findall("^make ([a-z-]+)", line)}
    assert {"demo", "test"} <= named
    assert named - targets == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page):
    assert broken_links(page) == []


def test_a_link_that_leads_nowhere_is_found(tmp_path):
    (tmp_path / "there.md").write_text("# A heading, with `code`\n")
    page = tmp_path / "page.md"
    page.write_text(
        "[a](there.md) [b](there.md#a-heading-with-code) [c](https://example.org/x)\n"
        "[d](gone.md) [e](there.md#gone) ![f](gone.png)\n```\n[g](in-code.md)\n```\n"
    )
    assert broken_links(page) == ["gone.md", "there.md#gone", "gone.png"]


def folders():
    return sorted(path.parent.name for path in SOURCE.glob("*/__init__.py"))


def test_every_folder_has_its_page_and_every_page_its_folder():
    assert sorted(page.stem for page in DESIGN.glob("*.md")) == sorted([*folders(), "house"])


@pytest.mark.parametrize("folder", folders())
def test_the_house_leads_to_every_page(folder):
    assert f"[{folder}]({folder}.md)" in (DESIGN / "house.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("folder", folders())
def test_a_page_names_only_files_that_are_there(folder):
    text = (DESIGN / f"{folder}.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    named = {name for row in rows for name in re.findall(r"`([\w/]+\.py)`", row)}
    places = [SOURCE / folder, SOURCE]
    assert named
    assert [name for name in sorted(named) if not any((at / name).exists() for at in places)] == []
