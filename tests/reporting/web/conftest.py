"""A real server, in a process of its own, over a folder of runs; and a real browser."""

import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from pbtune.testing.hostile_run import write_hostile_run
from pbtune.testing.made_run import MadeRun

CHROMIUM = os.environ.get("PBTUNE_CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"


class Dashboard:
    """``pbtune dashboard`` of one folder.

    Attributes:
        url: What it printed, with the token.
        base: The address without it.
        host: The name and port.
        client: Asks with the token.
    """

    def __init__(self, process, url):
        self.process = process
        self.url = url
        self.base, _, self.token = url.partition("/#token=")
        self.host = self.base.removeprefix("http://")
        self.port = int(self.host.rpartition(":")[2])
        self.client = httpx.Client(
            base_url=self.base, headers={"Authorization": f"Bearer {self.token}"}, timeout=20
        )

    def get(self, path, **options):
        return self.client.get(path, **options)

    def run_id(self, name):
        """The opaque id of the run in the folder ``name``."""
        return next(it["id"] for it in self.get("/api/runs").json()["runs"] if it["name"] == name)

    def run_path(self, name):
        return f"/api/runs/{self.run_id(name)}"


@contextmanager
def serving(folder, *options):
    command = [sys.executable, "-m", "pbtune", "dashboard", str(folder), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            _, url = process.stdout.readline(), process.stdout.readline().strip()
            server = Dashboard(process, url)
            with server.client:
                yield server
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) in {0, -signal.SIGTERM}


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Runs that have ended: "eight", "crowd" with 200 members, and one of a stranger's."""
    root = tmp_path_factory.mktemp("dashboard")
    for name, members, rounds in (("eight", 8, 6), ("crowd", 200, 4)):
        made = MadeRun(root / name, members)
        made.train(rounds)
        made.end()
    log = root / "eight" / "t0"
    log.mkdir()
    (log / "output.log").write_text("".join(f"epoch {epoch}\n" for epoch in range(30)))
    write_hostile_run(root / "hostile")
    broken = root / "broken"
    broken.mkdir()
    (broken / "run.db").write_bytes(b"no database" * 100)
    return root


@pytest.fixture(scope="module")
def dashboard(folder):
    with serving(folder) as server:
        yield server


@pytest.fixture
def live_run(folder):
    """``live_run(members=8)``: a run that goes on in this process."""
    made = []

    def begin(name, members=8):
        made.append(MadeRun(folder / name, members))
        made[-1].train(2)
        return made[-1]

    yield begin
    for run in made:
        run.end()
        shutil.rmtree(run.folder)


@pytest.fixture(scope="module")
def browser():
    """Debian's Chromium, or whichever ``PBTUNE_CHROMIUM`` names."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not Path(CHROMIUM).exists():
        pytest.skip(f"no browser: {CHROMIUM} is not there (apt-get install chromium)")
    # Chromium's own sandbox doesn't work for root.
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=options)
        yield found
        found.close()


class Page:
    """A page at the list of runs, which notes what must not happen.

    Attributes:
        page: Playwright's.
        problems: Errors, and what the content policy refused.
    """

    def __init__(self, browser, server, **context):
        self.context = browser.new_context(reduced_motion="reduce", **context)
        self.context.set_default_timeout(10_000)
        self.server = server
        self.problems = []
        self.page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", self._note)
        self.page.on("dialog", lambda dialog: self.problems.append(f"dialog {dialog.message}"))

    def _note(self, message):
        if message.type in {"error", "warning"}:
            self.problems.append(message.text)

    def start(self):
        """As a person who has just opened the printed address."""
        self.page.mouse.move(0, 0)
        self.page.goto("about:blank")
        self.context.clear_cookies()
        self.problems.clear()
        self.page.goto(self.server.url)
        self.page.wait_for_selector("table.list")

    def open(self, name):
        """Show a run, as soon as it is drawn."""
        self.page.goto(f"{self.server.base}/#/r/{self.server.run_id(name)}")
        self.page.wait_for_selector("table.members tbody tr")
        self.page.wait_for_selector("#hyperparameters .chart > *")
        return self.page


@pytest.fixture(scope="module")
def pages(browser, dashboard):
    """One page for each kind of context: a new one takes a second."""
    made = {}

    def get(**context):
        key = repr(sorted(context.items()))
        if key not in made:
            made[key] = Page(browser, dashboard, **context)
        return made[key]

    return get


@pytest.fixture
def visit(pages):
    """``visit(**context)``: the list of runs; afterwards nothing must have gone wrong on it."""
    visited = []

    def begin(**context):
        visited.append(pages(**context))
        visited[-1].start()
        return visited[-1]

    yield begin
    problems = [problem for it in visited for problem in it.problems]
    for it in visited:
        # Hidden pages listen no longer.
        it.page.goto("about:blank")
    assert problems == []
