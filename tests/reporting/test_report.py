"""The report: one file, with everything in it, that a stranger may open."""

import builtins
import re
from html.parser import HTMLParser

import pytest

from pbtune.core.decisions import Abandoned, Created, Started
from pbtune.core.events import Failed, Noticed, Opened
from pbtune.reporting.report import report

EVIL = "<script>alert('x')</script><img src=https://example.org/x onerror=alert(1)>"


class Page(HTMLParser):
    """What a browser would find: tags with their attributes, and the text."""

    def __init__(self, body):
        super().__init__()
        self.tags, self.text, self.open = [], "", []
        self.feed(body)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "img"}:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data + "\n"

    def named(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture(scope="module")
def page(run_dir):
    return Page(report(run_dir))


@pytest.mark.slow
def test_it_holds_its_five_pictures(page):
    sources = [it["src"] for it in page.named("img")]
    assert len(sources) == 5
    assert all(it.startswith("data:image/png;base64,iVBOR") for it in sources)
    assert all(it["alt"] for it in page.named("img"))


@pytest.mark.slow
def test_it_asks_for_nothing_and_runs_nothing(page):
    assert page.open == []
    assert page.named("script") == page.named("link") == page.named("a") == []
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    [policy] = [it["content"] for it in page.named("meta") if "http-equiv" in it]
    assert policy.startswith("default-src 'none';")
    assert "script" not in policy


@pytest.mark.slow
def test_it_tells_the_population_the_schedule_and_the_copies(page, trained):
    for name in ("climb", "lr", "net/kind", "score", "The schedule of", "Copies: "):
        assert name in page.text
    for result in trained:
        assert f"{result.trial_id}\n" in page.text
    best = trained.get_best_result()
    assert f"{best.metrics['score']:.5g}" in page.text
    assert f"{best.config['lr']:.4g}" in page.text


def begun(config):
    return [Opened(1), Created("t0", 0, config), Started("t0", 1, 0, 0, 0, 0.0)]


def test_text_of_users_is_escaped_everywhere(made_up):
    records = [
        *begun({"lr": EVIL}),
        Noticed("t0", "code", f"notice {EVIL}"),
        Failed("t0", 1, "ValueError", EVIL, f"Traceback {EVIL}"),
        Abandoned("t0", 1),
    ]
    page = Page(report(made_up([(records, [])], metric=EVIL, mutated=(EVIL, "lr"))))
    assert page.named("script") == page.named("img") == []
    assert page.text.count("alert('x')") >= 4


def test_a_run_without_reports_has_no_pictures_and_says_so(made_up):
    page = Page(report(made_up([(begun({"lr": 0.5}), [])])))
    assert "Nothing was reported yet" in page.text
    assert page.named("img") == []


def test_without_matplotlib_the_rest_is_told(run_dir, monkeypatch):
    real = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ModuleNotFoundError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    page = Page(report(run_dir))
    assert page.named("img") == []
    assert "pip install 'pbtune[plot]'" in page.text
    assert re.search(r"best score [\d.]+ \(t\d\)", page.text)
