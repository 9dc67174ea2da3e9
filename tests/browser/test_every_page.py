"""What holds on every page, for each role: its width, its language, what axe finds, and that no browser complains."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from browser.conftest import Seen, Site
from lqmodel.languages import NAMES

PAGES = {
    "ann": ("/handoffs", "LEAD", "/model", "/funnel"),
    "mia": ("/handoffs?status=all", "LEAD", "HELP", "/nurture", "/funnel", "/model"),
    "ada": ("/users", "/audit", "/not-there"),
}
"""Who → what is looked at: a seller, a manager, an administrator; some of it is refused."""
NARROW, WIDE = 390, 1280
everybody = pytest.mark.parametrize("name", PAGES)


def every_page(site: Site, seen: Seen, name: str) -> Iterator[tuple[str, Page]]:
    """Go through the pages, each with all that it folds away."""
    leads = {
        "LEAD": f"/lead?id={site.leads_of('ann')[0]}",
        "HELP": f"/lead/help?id={site.at_stage('MQL')[0]}",
    }
    for path in PAGES[name]:
        page = seen.open(leads.get(path, path))
        expect(page.locator("main")).to_be_visible()
        expect(page.locator("[hx-trigger]")).to_have_count(0)  # what is worked out is there
        page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
        yield path, page


def fits(page: Page, width: int) -> bool:
    """Whether nothing is wider than the screen: a page that is can be scrolled aside."""
    wide = page.evaluate("[document.scrollingElement.scrollWidth, innerWidth]")
    return bool(wide[0] <= wide[1] == width)


@everybody
@pytest.mark.parametrize("language", NAMES)
def test_in_each_language_every_page_fits_a_telephone(site: Site, name: str, language: str) -> None:
    site.speak(name, language)
    try:
        with site.signed(name, viewport={"width": NARROW, "height": 800}) as seen:
            for path, page in every_page(site, seen, name):
                expect(page.locator("html")).to_have_attribute("lang", language)
                assert fits(page, NARROW), f"{path} is too wide in {language}"
    finally:
        site.speak(name, "en")
    with site.browsing(viewport={"width": NARROW, "height": 800}, locale=language) as seen:
        page = seen.open("/login")
        expect(page.locator("html")).to_have_attribute("lang", language)
        assert fits(page, NARROW)


@everybody
@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_axe_finds_nothing_serious(site: Site, name: str, colours: str, width: int) -> None:
    options = {"color_scheme": colours, "viewport": {"width": width, "height": 800}}
    with site.signed(name, **options) as seen:
        for path, page in every_page(site, seen, name):
            assert serious(page) == [], path
            assert fits(page, width), path
    with site.browsing(**options) as seen:
        assert serious(seen.open("/login")) == []


def serious(page: Page) -> list[str]:
    # put in by the browser's own hand: the page's policy lets no script in
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {node['html'][:120]}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


# ── that these can fail ──────────────────────────────────────────────────────────────────────────────────────


WRONGS = {
    "an inline script": "document.body.append(Object.assign(document.createElement('script'), {text: 'one = 1'}))",
    "a style of its own": "document.body.setAttribute('style', 'color:red')",
    "a picture from elsewhere": "document.body.append(Object.assign(new Image(), {src: 'http://127.0.0.1:9/x.png'}))",
    "a picture that is not there": "document.body.append(Object.assign(new Image(), {src: '/static/none.png'}))",
    "an error in the console": "console.error('wrong')",
    "an error that nobody caught": "setTimeout(() => missing(), 0)",
    "a dialog": "setTimeout(() => alert(1), 0)",
}


@pytest.mark.parametrize("wrong", WRONGS)
def test_what_goes_wrong_in_a_page_is_heard(site: Site, wrong: str) -> None:
    with pytest.raises(AssertionError, match="complaints"):
        go_wrong(site, wrong)


def go_wrong(site: Site, wrong: str) -> None:
    with site.browsing() as seen:
        page = seen.open("/login")
        page.evaluate(WRONGS[wrong])
        for _ in range(50):  # it comes by itself, if at all
            page.wait_for_timeout(0 if seen.complaints else 100)


def test_a_page_that_is_too_wide_or_too_pale_is_found(site: Site) -> None:
    with site.browsing(viewport={"width": NARROW, "height": 800}) as seen:
        page = seen.open("/login")
        page.evaluate("document.querySelector('h1').style.color = '#ccc'")
        assert [told.split(":")[0] for told in serious(page)] == ["color-contrast"]
        page.evaluate("document.querySelector('h1').style.width = '500px'")
        assert not fits(page, NARROW)
