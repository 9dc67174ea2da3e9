"""When something does not work: a lost session, a network that is gone, sources that cannot be read, pages of others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, Route, expect

from browser.conftest import Seen, Site, sign_in

scripted = pytest.mark.parametrize("scripts", [True, False], ids=["JavaScript", "plain"])


def write_rejection(page: Page) -> None:
    page.click("summary:text-is('Reject')")
    page.select_option("select[name=reason]", "no_reply")
    page.fill("details[open] textarea", "three calls, no answer")


def send(page: Page) -> None:
    page.click("details[open] button:text-is('Reject')")


# ── a session that is gone ───────────────────────────────────────────────────────────────────────────────────


@scripted
def test_an_answer_after_the_session_is_lost_leads_to_the_door(site: Site, scripts: bool) -> None:
    lead = site.leads_of("ben")[2 + scripts]
    with site.signed("ben", java_script_enabled=scripts) as seen:
        page = seen.lead(lead)
        write_rejection(page)
        seen.context.clear_cookies()
        send(page)
        expect(page.locator("h1")).to_have_text("Sign in first")
        expect(page.locator("nav")).to_have_count(0)
        assert site.acts(lead) == []
        page.click("main a:text-is('Sign in')")
        sign_in(page, "ben")
        page = seen.lead(lead)
        page.click("button:text-is('Accept')")
        expect(page.locator(".top")).to_contain_text("accepted")
    assert site.acts(lead) == ["accepted"]


@scripted
@pytest.mark.parametrize("way", ["a row", "the menu", "what would help"])
def test_a_link_after_the_session_is_lost_leads_to_the_form(site: Site, scripts: bool, way: str) -> None:
    with site.signed("mia", java_script_enabled=scripts) as seen:
        page = seen.lead(site.at_stage("MQL")[-1]) if way == "what would help" else seen.page
        links = {
            "a row": "a.row >> nth=0",
            "the menu": "header a:text-is('Model')",
            "what would help": "#help a",
        }
        seen.context.clear_cookies()
        page.click(links[way])
        expect(page).to_have_url(re.compile("/login(#help)?$"))
        expect(page.locator("h1")).to_have_text("Sign in")
        expect(page.locator("header")).to_have_count(0)
        expect(page.locator("[name=password]")).to_be_visible()


# ── a network that is gone ───────────────────────────────────────────────────────────────────────────────────


def test_a_server_out_of_reach_is_told_and_nothing_written_is_lost(
    site: Site, waiting: Iterator[str]
) -> None:
    lead = next(waiting)
    with site.signed("ann") as seen:
        page = seen.lead(lead)
        expect(page.locator("#unreachable")).to_be_hidden()
        write_rejection(page)
        seen.context.set_offline(True)
        send(page)
        expect(page.locator("#unreachable")).to_be_visible()
        expect(page.locator("#unreachable")).to_contain_text("The server did not answer.")
        expect(page.locator("select[name=reason]")).to_have_value("no_reply")
        expect(page.locator("details[open] textarea")).to_have_value("three calls, no answer")
        assert site.acts(lead) == []
        seen.context.set_offline(False)
        send(page)
        expect(page.locator(".top")).to_contain_text("rejected")
        expect(page.locator("#unreachable")).to_be_hidden()
        seen.forgive("ERR_INTERNET_DISCONNECTED", "htmx:sendError", "htmx:afterRequest")
    (held,) = site.said(lead)
    assert (held["act"], held["reason"], held["note"]) == ("rejected", "no_reply", "three calls, no answer")


def test_a_part_of_a_page_that_does_not_come_is_told_until_it_comes(site: Site) -> None:
    with site.signed("mia") as seen:
        page = seen.lead(site.at_stage("MQL")[-3])
        seen.context.set_offline(True)
        page.click("#help a")
        expect(page.locator("#unreachable")).to_be_visible()
        seen.context.set_offline(False)
        page.click("#help a")
        expect(page.locator("#help")).to_contain_text("what the model would make of it")
        expect(page.locator("#unreachable")).to_be_hidden()
        seen.forgive("ERR_INTERNET_DISCONNECTED", "htmx:sendError", "htmx:afterRequest")


def test_an_answer_whose_reply_was_lost_counts_once(site: Site, waiting: Iterator[str]) -> None:
    lead = next(waiting)

    def lose(route: Route) -> None:
        route.fetch(max_redirects=0)
        route.abort()

    with site.signed("ann") as seen:
        page = seen.lead(lead)
        page.route("**/lead/act", lose)
        page.click("button:text-is('Accept')")
        expect(page.locator("#unreachable")).to_be_visible()
        assert site.acts(lead) == ["accepted"]
        page.unroute("**/lead/act")
        page.click("button:text-is('Accept')")
        expect(page.locator(".notice[role=status]")).to_have_text("Done.")
        seen.forgive("ERR_FAILED", "htmx:sendError", "htmx:afterRequest")
    assert site.acts(lead) == ["accepted"]


# ── what would help, refused ─────────────────────────────────────────────────────────────────────────────────


@contextmanager
def away(site: Site, source: str) -> Iterator[None]:
    """Take a source's file away, as somebody does who loads it anew."""
    path = site.root / "data" / f"{source}.parquet"
    hidden = path.rename(path.with_suffix(".away"))
    try:
        yield
    finally:
        hidden.rename(path)


@scripted
def test_help_that_cannot_be_worked_out_says_why_and_is_there_again(site: Site, scripts: bool) -> None:
    lead = site.at_stage("Lead")[-1 - scripts]
    with site.signed("mia", java_script_enabled=scripts) as seen:
        page = seen.open("/nurture")
        expect(page.locator(".group").first).to_be_visible()  # nothing reads in the background
        seen.lead(lead)
        with away(site, "events"):
            page.click("#help a")
            told = page.locator("#help .notice")
            expect(told).to_contain_text("events")
            assert re.fullmatch(r"[A-Z].*\.", told.inner_text()), "sentences"
            assert "Traceback" not in page.content()
            expect(page.locator(".top h1")).to_contain_text(lead)
        page.click("#help a")
        expect(page.locator("#help ul, #help p").first).to_be_visible()
        expect(told).to_have_count(0)
        expect(page.locator("#help")).to_contain_text("what the model would make of it")


def test_help_with_a_lead_that_is_not_theirs_any_more_is_a_page(site: Site) -> None:
    with site.signed("mia") as seen:
        page = seen.lead(site.at_stage("MQL")[-2])
        page.evaluate("document.querySelector('#help a').setAttribute('hx-get', '/lead/help?id=nobody')")
        page.evaluate("htmx.process(document.querySelector('#help'))")
        page.click("#help a")
        expect(page.locator("h1")).to_have_text("There is nothing here")
        expect(page.locator("header nav a").first).to_be_visible()


# ── pages of others ──────────────────────────────────────────────────────────────────────────────────────────

MENUS = {
    "ann": ["My handoffs", "Model"],
    "max": ["My handoffs", "Nurture", "Funnel", "Model"],
    "mia": ["My handoffs", "Nurture", "Funnel", "Model"],
    "ada": ["My handoffs", "Nurture", "Funnel", "Model", "People", "Audit log"],
}
NOT_ALLOWED, NOTHING = "This is not allowed", "There is nothing here"
REFUSED = {
    "ann": {
        "/nurture": NOT_ALLOWED,
        "/nurture/audience.csv?stage=MQL": NOT_ALLOWED,
        "/funnel": NOT_ALLOWED,
        "/users": NOT_ALLOWED,
        "/audit": NOT_ALLOWED,
        "/lead?id=COLLEAGUE": NOTHING,
        "/lead/help?id=COLLEAGUE": NOTHING,
        "/lead?id=nobody": NOTHING,
    },
    "max": {"/users": NOT_ALLOWED, "/audit": NOT_ALLOWED},
    "mia": {"/users": NOT_ALLOWED, "/audit": NOT_ALLOWED},
    "ada": {"/not-there": NOTHING},
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_page_that_is_not_theirs_is_a_page_that_says_so(site: Site, name: str) -> None:
    colleagues = site.leads_of("ben")[-1]
    with site.signed(name) as seen:
        menu = seen.page.locator("header nav a")
        expect(menu).to_have_text(MENUS[name])
        for path, why in REFUSED[name].items():
            page, status = seen.page, 403 if why == NOT_ALLOWED else 404
            answer = page.goto(site.url + path.replace("COLLEAGUE", colleagues))
            assert answer is not None
            assert answer.status == status, path
            expect(page.locator("h1")).to_have_text(why)
            expect(menu).to_have_text(MENUS[name])
            assert colleagues not in page.content()
            page.click("main a:text-is('My handoffs')")
            expect(page.locator("h1")).to_contain_text("My handoffs")


def test_a_seller_lists_no_colleague_and_a_marketer_answers_nobody(
    site: Site, waiting: Iterator[str]
) -> None:
    mine = next(waiting)
    with site.signed("ann") as seen:
        page = seen.open("/handoffs?status=all&owner=ben")
        rows = rows_of(seen)
        assert not rows & set(site.leads_of("ben"))
        expect(page.locator("select[name=owner]")).to_have_count(0)
    with site.signed("max") as seen:
        page = seen.lead(mine)
        expect(page.locator("#history")).to_be_visible()
        expect(page.locator(".acts, #history button")).to_have_count(0)
        page.keyboard.press("a")
        page.keyboard.press("r")
        expect(page.locator("#history")).to_be_visible()
    assert site.acts(mine) == []


def rows_of(seen: Seen) -> set[str]:
    addresses = seen.page.locator("a.row").evaluate_all("rows => rows.map(one => one.getAttribute('href'))")
    return {address.split("=")[-1] for address in addresses}
