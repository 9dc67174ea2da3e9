"""Pictures of every page of the view, light and dark, wide and narrow, over a project that was scored and recorded.

`python tools/pictures.py PROJECT FOLDER` works on a copy of the project, with people of its own; it needs Chromium.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from itertools import product
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from lqmodel.api import open_project
from lqmodel.languages import Language
from lqmodel.ledger import Spoken
from lqmodel.runs import Run
from lqmodel.web import Config, People, Person, Server, create_app
from lqmodel.web.view import right_now

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PASSWORD = "correct horse battery"
MORNING = 9 * 3_600_000_000  # after the night that scored
WIDTHS = {"wide": 1280, "narrow": 390}
ALL = {"handoffs", "lead", "nurture", "funnel", "model", "users", "audit"}


def main() -> None:
    """Take them all."""
    project, folder = Path(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        root = Path(shutil.copytree(project, Path(made) / "project", symlinks=True))
        opened = open_project(root)
        ledger = opened.ledger()
        People(ledger.store).add(Person("kim", "admin", "kim", Language.of("en")), PASSWORD)
        run = root / "scores" / "latest"
        now = (Run.open(run).as_of or right_now()) + MORNING
        waiting = ledger.handoffs(now, statuses=["open"]) or ledger.handoffs(now)
        lead = max(waiting, key=lambda row: row["probability"] or 0)["lead_id"]
        spoken = Spoken.of(opened.declarations().model.stages)
        config = Config(run, spoken, project=root)
        with Server(create_app(config, ledger, lambda: now)) as server, sync_playwright() as play:
            path = next(filter(None, map(shutil.which, BROWSERS)))
            browser = play.chromium.launch(executable_path=path, args=["--no-sandbox"])
            for colours, (name, width) in product(("light", "dark"), WIDTHS.items()):
                _take(browser, server.url, lead, folder, colours, name, width)


def _take(browser: Browser, url: str, lead: str, folder: Path, colours: str, name: str, width: int) -> None:
    size = {"width": width, "height": 860}
    page = browser.new_context(viewport=size, color_scheme=colours, locale="en-GB").new_page()
    page.goto(f"{url}/login")
    page.screenshot(path=folder / f"login-{name}-{colours}.png")
    page.fill("[name=name]", "kim")
    page.fill("[name=password]", PASSWORD)
    page.click("button.main")
    page.wait_for_url("**/handoffs")
    for one in sorted(ALL):
        page.goto(f"{url}/lead?id={lead}" if one == "lead" else f"{url}/{one}")
        page.locator("[hx-trigger]").wait_for(state="detached", timeout=60_000)
        page.screenshot(path=folder / f"{one}-{name}-{colours}.png", full_page=True)
    page.context.close()


if __name__ == "__main__":
    main()
