"""The page in a real browser: what a person sees, does and is kept safe from."""

import itertools
import json
import shutil
import time

import pytest

from pbtune.testing.hostile_run import BREAKOUT, LINK, METRIC, NAME, SCRIPT, TAG
from pbtune.testing.made_run import MadeRun

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not there").expect
pytestmark = pytest.mark.slow
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


def drawn(page, selector):
    """How many of a canvas's points are not empty."""
    return page.evaluate(
        """(selector) => {
            const it = document.querySelector(selector);
            const { data } = it.getContext("2d").getImageData(0, 0, it.width, it.height);
            let count = 0;
            for (let at = 3; at < data.length; at += 4) count += data[at] > 0;
            return count;
        }""",
        selector,
    )


def point(page):
    """Move the pointer to the newest segment of one of the lineage's first rows."""
    tree = page.locator(".tree")
    tree.hover(position={"x": tree.bounding_box()["width"] - 40, "y": 60})


def test_the_token_leaves_the_address_and_the_list_leads_to_a_run(visit):
    it = visit()
    page = it.page
    assert "token" not in page.url
    assert it.server.token not in page.evaluate("document.cookie")
    rows = page.locator("table.list tbody tr")
    expect(rows).to_have_count(4)
    expect(page.get_by_text("can't be read as a run of this version")).to_be_visible()
    page.get_by_role("link", name="eight", exact=True).click()
    expect(page.locator("h1")).to_have_text("eight")
    expect(page.locator("table.members tbody tr")).to_have_count(8)
    expect(page.locator(".tiles")).to_contain_text("480")
    page.locator("#scores canvas").wait_for()
    assert drawn(page, "#scores canvas") > 2000
    expect(page.locator("#hyperparameters figcaption").first).to_have_text("lr log scale")
    expect(page.locator("#hyperparameters canvas")).to_have_count(3)
    page.go_back()
    expect(rows).to_have_count(4)


def test_a_page_without_the_token_says_what_is_missing(visit):
    it = visit()
    it.context.clear_cookies()
    it.page.reload()
    expect(it.page.get_by_role("alert")).to_contain_text("needs the token")
    # The browser itself notes the refusal.
    assert all("401" in problem for problem in it.problems)
    it.problems.clear()


def test_a_run_that_has_just_begun_says_so(visit, folder):
    made = MadeRun(folder / "begun", 4)
    page = visit().open("begun")
    expect(page.locator("#scores")).to_contain_text("Nothing to draw before the second step")
    expect(page.locator("#exploits")).to_contain_text("None so far")
    expect(page.locator("#schedule")).to_contain_text("no winner")
    made.train()
    page.locator("#scores canvas").wait_for()
    expect(page.locator("#schedule tbody tr").first).to_be_visible()
    page.goto("about:blank")
    shutil.rmtree(made.end())


def test_a_new_exploit_is_on_the_page_within_a_second(visit, live_run):
    made = live_run("grows")
    page = visit().open("grows")
    expect(page.locator("#live")).to_have_text("live")
    first = page.locator("#exploits li").first
    expect(first).to_contain_text("step 20")
    page.evaluate(
        """() => new MutationObserver(() => {
            if (document.querySelector("#exploits li")?.textContent.includes("step 30"))
                window.seenAt ??= Date.now();
        }).observe(document.body, {childList: true, subtree: true})"""
    )
    bars = page.locator(".tree .bars").evaluate("it => it.outerHTML")
    began = time.time()
    made.train()
    expect(first).to_contain_text("step 30")
    assert page.evaluate("window.seenAt") / 1000 - began < 1
    expect(page.locator(".tiles")).to_contain_text("240")
    assert page.locator(".tree .bars").evaluate("it => it.outerHTML") != bars
    expect(page.locator("table.members tbody tr").first).to_contain_text("30")
    page.wait_for_function(
        "document.querySelector('.tiles').textContent.includes('just now') || true"
    )


def test_pointing_at_the_lineage_tells_whose_it_is_and_marks_its_path(visit):
    page = visit().open("eight")
    point(page)
    hint = page.locator("#lineage .readout")
    expect(hint).to_contain_text("steps")
    name = hint.text_content().split(",")[0]
    assert page.locator(".tree .marks .mark").count() >= 1
    expect(page.locator("tr.hovered th")).to_contain_text(name)
    page.mouse.move(1, 1)
    expect(page.locator("tr.hovered")).to_have_count(0)
    row = page.locator("table.members tbody tr").nth(3)
    row.hover()
    expect(page.locator(".tree .marks .band")).to_have_count(1)
    # A curve tells its member, its value and its step, and marks the same row.
    over = page.locator("#scores .u-over")
    box = over.bounding_box()
    over.hover(position={"x": box["width"] * 0.9, "y": box["height"] * 0.1})
    for share in range(1, 10):
        over.hover(position={"x": box["width"] * 0.9, "y": box["height"] * share / 10})
        if "at step" in page.locator("#scores .readout").text_content():
            break
    name = page.locator("#scores .readout").text_content().split(":")[0]
    expect(page.locator("tr.hovered th")).to_contain_text(name)


def test_a_click_on_the_lineage_opens_the_story_with_diffs_log_and_traceback(visit):
    it = visit()
    page = it.open("eight")
    point(page)
    page.mouse.down()
    page.mouse.up()
    panel = page.locator("dialog[open]")
    for title in ("Config now", "Exploits and restarts", "Last report", "Log", "Story"):
        expect(panel.get_by_text(title).first).to_be_visible()
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    copied = page.locator("#exploits li a").first
    name = copied.text_content()
    copied.click()
    expect(panel.locator("h2")).to_have_text(name)
    expect(panel.locator(".diff thead").first).to_contain_text(f"{name} had")
    expect(panel.locator(".diff tbody tr").first).to_contain_text("lr")
    page.get_by_label("Close").click()
    page.locator("table.members").get_by_role("button", name="t0: its story").click()
    expect(panel.locator("pre.log")).to_contain_text("epoch 29")
    page.goto(f"{it.server.base}/#/r/{it.server.run_id('hostile')}/0")
    expect(panel.locator(".failure pre")).to_contain_text("Traceback")


def test_everything_can_be_done_by_keyboard(visit):
    page = visit().open("eight")
    tree = page.locator(".tree")
    tree.focus()
    page.keyboard.press("ArrowDown")
    hint = page.locator("#lineage .readout")
    expect(hint).to_contain_text("steps")
    first = hint.text_content()
    page.keyboard.press("ArrowDown")
    expect(hint).not_to_have_text(first)
    for _ in range(8):
        page.keyboard.press("ArrowDown")
        if "copied from" in hint.text_content():
            break
    donor = hint.text_content().split("copied from ")[1].split(":")[0].split(",")[0]
    page.keyboard.press("p")
    expect(hint).to_contain_text(f"{donor}, steps")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    panel = page.locator("dialog[open]")
    expect(panel.locator("h2")).to_have_text(donor)
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    # From the first row's button, Enter opens a story too; a column's button sorts.
    page.locator("table.members tbody button").first.focus()
    page.keyboard.press("Enter")
    expect(panel).to_have_count(1)
    page.keyboard.press("Escape")
    sort = page.locator("table.members thead button").nth(2)
    sort.focus()
    page.keyboard.press("Enter")
    expect(page.locator("th[aria-sort]")).to_contain_text("step")
    assert page.evaluate("document.activeElement.dataset.column") == "step"
    order = page.locator("#tree-order")
    order.focus()
    before = page.locator(".tree .label").all_text_contents()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(order).to_have_value("score")
    assert page.locator(".tree .label").all_text_contents() != before


def test_what_has_the_focus_is_seen_and_everything_has_a_name(visit):
    page = visit().open("eight")
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("a, button, select, input, textarea, [tabindex]")]
            .filter((it) => it.tabIndex >= 0 && it.checkVisibility())
            .filter((it) => !(it.ariaLabel || it.textContent.trim() || it.labels?.length))
            .map((it) => it.outerHTML)"""
    )
    assert nameless == []
    for _ in range(6):
        page.keyboard.press("Tab")
        width = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
        assert width == "2px"


def test_the_schedule_is_copied_as_json_and_as_csv(visit):
    it = visit(permissions=["clipboard-read", "clipboard-write"])
    page = it.open("eight")
    expect(page.locator("#schedule tbody tr").first).to_be_visible()
    page.get_by_role("button", name="Copy as JSON").click()
    expect(page.get_by_text("The schedule as JSON copied")).to_be_visible()
    copied = json.loads(page.evaluate("navigator.clipboard.readText()"))
    assert copied["pieces"][-1]["end_step"] == 60
    page.get_by_role("button", name="Copy as CSV").click()
    expect(page.get_by_text("The schedule as CSV copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()").startswith("trial,start_step")
    refused = visit().open("eight")
    refused.get_by_role("button", name="Copy as JSON").click()
    expect(refused.locator("#schedule textarea")).to_be_visible()


def test_two_hundred_members_are_drawn_and_can_be_pointed_at(visit):
    page = visit().open("crowd")
    box = page.locator(".tree svg").bounding_box()
    assert box["height"] >= 200 * 6
    # A few paths, however many segments there are.
    assert page.locator(".tree svg *").count() < 400
    expect(page.locator("table.members tbody tr")).to_have_count(25)
    labels = page.locator(".tree .label").evaluate_all(
        "all => all.map((it) => it.getBoundingClientRect().top)"
    )
    assert min(b - a for a, b in itertools.pairwise(labels)) >= 10
    page.get_by_role("button", name="Show all 200 members").click()
    expect(page.locator("table.members tbody tr")).to_have_count(200)
    point(page)
    expect(page.locator("#lineage .readout")).to_contain_text("steps")


def test_a_phone_shows_all_of_it_without_moving_sideways(visit):
    it = visit(**PHONE)
    page = it.page
    for name in (None, "eight", "crowd", "hostile"):
        if name is not None:
            it.open(name)
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, name
    page.locator("table.members tbody button").first.tap()
    panel = page.locator("dialog[open]")
    assert panel.bounding_box()["width"] == 360
    expect(page.get_by_label("Close")).to_be_in_viewport()
    page.get_by_label("Close").tap()
    expect(panel).to_have_count(0)


def luminance(page, selector, name):
    """How bright a colour of an element is, in [0, 1]."""
    found = page.locator(selector).first.evaluate(f"it => getComputedStyle(it).{name}")
    red, green, blue = (int(it) for it in found[found.index("(") + 1 : -1].split(",")[:3])
    shares = [
        (it / 255 / 12.92 if it < 11 else ((it / 255 + 0.055) / 1.055) ** 2.4)
        for it in (red, green, blue)
    ]
    return 0.2126 * shares[0] + 0.7152 * shares[1] + 0.0722 * shares[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_both_themes_and_they_change_at_once(visit, scheme):
    it = visit()
    it.page.emulate_media(color_scheme=scheme)
    page = it.open("eight")
    for selector in (
        "h1",
        ".tiles dt",
        "table.members td",
        "table.members thead button",
        "#exploits .changes",
        "#exploits a",
    ):
        text, paper = (
            luminance(page, selector, "color"),
            luminance(page, "section", "backgroundColor"),
        )
        light, shade = max(text, paper), min(text, paper)
        assert (light + 0.05) / (shade + 0.05) >= 4.5, selector
    bars = page.locator(".tree .bars").evaluate("it => it.outerHTML")
    page.emulate_media(color_scheme="dark" if scheme == "light" else "light")
    page.wait_for_function(
        "old => document.querySelector('.tree .bars').outerHTML !== old", arg=bars
    )


def test_text_of_a_run_stays_text_in_every_field(visit):
    it = visit()
    page = it.page
    page.evaluate(
        """() => {
            window.refused = [];
            addEventListener("securitypolicyviolation", (it) => window.refused.push(it.sample));
        }"""
    )
    page.locator(f'a[href="#/r/{it.server.run_id("hostile")}"]').click()
    page.wait_for_selector("table.members tbody tr")
    expect(page.locator("h1")).to_have_text(NAME)
    for text in (TAG, BREAKOUT, LINK):
        expect(page.locator("table.members tbody")).to_contain_text(text)
    expect(page.locator(".notes")).to_contain_text(f"notice {TAG}{BREAKOUT}")
    expect(page.locator(".notes")).to_contain_text(f"halted {TAG}")
    expect(page.locator(".tiles")).to_contain_text(METRIC)
    expect(page.locator("#scores select option").first).to_have_text(METRIC)
    expect(page.locator("#hyperparameters figcaption").first).to_contain_text(SCRIPT)
    expect(page.locator("#schedule tbody")).to_contain_text(LINK)
    page.locator(".tree").focus()
    page.keyboard.press("ArrowDown")
    for member in range(4):
        page.goto(f"{it.server.base}/#/r/{it.server.run_id('hostile')}/{member}")
        panel = page.locator("dialog[open]")
        expect(panel.locator("h2")).to_contain_text(f"t{member}")
        panel.locator("details").evaluate_all("all => all.forEach((it) => { it.open = true; })")
        if member == 0:
            expect(panel.locator(".failure")).to_contain_text(SCRIPT)
            expect(panel.locator("pre.log")).to_contain_text(TAG)
    assert page.evaluate("[window.taken ?? null, window.refused]") == [None, []]
    names = set(page.evaluate("[...document.querySelectorAll('*')].map((it) => it.localName)"))
    assert not names & {"img", "iframe", "object", "embed", "base", "form"}
    assert page.locator("script").count() == 2
    assert page.locator("[onerror], [onload], [onclick], a[href^='javascript']").count() == 0


def test_the_policy_would_stop_what_got_through(visit):
    it = visit()
    page = it.page
    page.evaluate(
        """() => { const bad = document.createElement("img"); bad.src = "http://evil.example/x";
                   document.body.append(bad); }"""
    )
    with pytest.raises(Exception, match="TrustedHTML"):
        page.evaluate("document.body.innerHTML = '<b>x</b>'")
    page.wait_for_timeout(50)
    assert it.problems
    it.problems.clear()


def test_a_page_comes_back_by_itself_when_its_connection_was_cut(visit, live_run):
    made = live_run("cut")
    it = visit()
    page = it.open("cut")
    it.context.set_offline(True)
    page.evaluate("dispatchEvent(new Event('offline'))")
    made.train()
    it.context.set_offline(False)
    made.train()
    expect(page.locator("#exploits li").first).to_contain_text("step 40", timeout=8000)
    it.problems.clear()
