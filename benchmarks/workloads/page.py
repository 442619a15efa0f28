"""A browser that opens a run, and notes when each part of it is drawn.

It needs Playwright and Chromium.
"""

import argparse
import json
import os
import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

PARTS = {
    "population": "table.members tbody tr",
    "lineage": ".tree .bars",
    "scores": "#scores canvas",
    "hyperparameters": "#hyperparameters canvas",
}
NOTE = """(parts) => {
    window.drawn = {};
    new MutationObserver(() => {
        for (const [name, selector] of Object.entries(parts))
            if (document.querySelector(selector)) drawn[name] ??= performance.now();
    }).observe(document.body, { childList: true, subtree: true });
}"""


def main() -> None:
    """Click on a run in the list; write the seconds until its parts were there to ``--out``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    parser.add_argument("--url", required=True)
    parser.add_argument("--run", required=True)
    arguments = parser.parse_args()
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox"] if os.geteuid() == 0 else [],
        )
        page = browser.new_page()
        page.goto(arguments.url)
        link = page.get_by_role("link", name=arguments.run, exact=True)
        link.wait_for()
        page.evaluate(NOTE, PARTS)
        began = page.evaluate("performance.now()")
        link.click()
        page.wait_for_function("(count) => Object.keys(drawn).length === count", arg=len(PARTS))
        drawn = page.evaluate("drawn")
        browser.close()
    found = {f"{name}_s": (at - began) / 1e3 for name, at in drawn.items()}
    Path(arguments.out).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
