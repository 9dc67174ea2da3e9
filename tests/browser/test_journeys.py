"""What people do in the view, in a real browser: with the mouse, by keys alone, on a telephone, without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Iterator

from playwright.sync_api import Page, expect

from browser.conftest import NASTY, PASSWORD, Site


def said(page: Page, words: str) -> None:
    expect(page.locator(".notice[role=status]")).to_contain_text(words)


def test_accept_undo_reject_and_the_manager_sees_it(site: Site, waiting: Iterator[str]) -> None:
    lead = next(waiting)
    with site.signed("ann") as seen:
        page = seen.page
        page.fill("[name=q]", lead)
        page.click("button:text-is('Show')")
        page.click(f'a.row[href="/lead?id={lead}"]')
        expect(page.locator("h1")).to_contain_text(lead)
        page.click("button:text-is('Accept')")
        expect(page.locator(".top")).to_contain_text("accepted")
        page.click("#history button:text-is('Undo')")
        expect(page.locator(".top")).to_contain_text("open")
        page.click("summary:text-is('Reject')")
        reason = page.locator("select[name=reason]")
        code = reason.locator("option").nth(1).inner_text()
        reason.select_option(code)
        page.locator("details[open] textarea").fill("no budget before spring")
        page.click("details[open] button:text-is('Reject')")
        expect(page.locator(".top")).to_contain_text("rejected")
    assert site.acts(lead) == ["accepted", "undone", "rejected"]
    with site.signed("mia") as seen:
        page = seen.open("/handoffs?status=rejected")
        page.click(f'a.row[href="/lead?id={lead}"]')
        expect(page.locator("#history")).to_contain_text("no budget before spring")
        expect(page.locator("#history")).to_contain_text("ann")
        seen.open("/funnel")
        expect(page.locator("main")).to_contain_text(code)


def test_two_people_on_one_lead_are_told_and_nothing_is_lost(site: Site, waiting: Iterator[str]) -> None:
    lead = next(waiting)
    with site.signed("ann") as one, site.signed("mia") as other:
        ours, theirs = one.lead(lead), other.lead(lead)
        ours.click("button:text-is('Accept')")
        expect(ours.locator(".top")).to_contain_text("accepted")
        theirs.click("button:text-is('I called')")
        said(theirs, "Meanwhile ann said: accepted.")
        assert site.acts(lead) == ["accepted"]
        expect(theirs.locator("#history")).to_contain_text("ann")
        theirs.click("button:text-is('I called')")
        expect(theirs.locator("#history")).to_contain_text("mia")
    assert site.acts(lead) == ["accepted", "worked"]


def test_a_double_click_gives_one_record(site: Site, waiting: Iterator[str]) -> None:
    lead = next(waiting)
    with site.signed("ann") as seen:
        page = seen.lead(lead)
        page.dblclick("button:text-is('Accept')")
        expect(page.locator(".top")).to_contain_text("accepted")
        page.wait_for_load_state("networkidle")
    assert site.acts(lead) == ["accepted"]


def test_by_keys_alone(site: Site) -> None:
    lead = site.leads_of("ben")[0]
    with site.browsing() as seen:
        page = seen.open("/login")
        for key in ("Tab", "Tab"):  # past the link to the page's middle
            page.keyboard.press(key)
        page.keyboard.type("ben")
        page.keyboard.press("Tab")
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile("/handoffs$"))
        page.wait_for_load_state()
        for key in ("j", "j", "k"):
            page.keyboard.press(key)
        expect(page.locator("a.row").first).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_contain_text(lead)
        seen.open("/handoffs")
        page.locator("a.row").first.focus()
        page.keyboard.press("a")
        expect(page.locator("[data-key=a]")).to_be_focused()
        assert site.acts(lead) == [], "nobody accepts a lead that they have not seen"
        seen.open("/handoffs")
        page.locator("a.row").first.focus()
        page.keyboard.press("r")
        expect(page.locator("select[name=reason]")).to_be_focused()
        page.keyboard.press("Escape")
        page.locator("summary").first.focus()
        page.keyboard.press("a")
        expect(page.locator(".top")).to_contain_text("accepted")
    assert site.acts(lead) == ["accepted"]


def test_without_javascript_all_works(site: Site, waiting: Iterator[str]) -> None:
    lead = next(waiting)
    with site.signed("ann", anew=True, java_script_enabled=False) as seen:
        page = seen.lead(lead)
        page.click("button:text-is('Accept')")
        expect(page.locator(".top")).to_contain_text("accepted")
        page.click("#history button:text-is('Undo')")
        expect(page.locator(".top")).to_contain_text("open")
        page.select_option("select[name=language]", "de")
        page.click("header .who button")
        expect(page.locator("html")).to_have_attribute("lang", "de")
        page.select_option("select[name=language]", "en")
        page.click("header .who button")
        page.click("button:text-is('Sign out')")
        expect(page).to_have_url(re.compile("/login$"))
    with site.signed("max", java_script_enabled=False) as seen:
        page = seen.open("/nurture")
        expect(page.locator(".group").first).to_be_visible()
        page.locator(".group .row").first.click()
        page.click("#help a")
        expect(page.locator("#help li").first).to_be_visible()
    assert site.acts(lead) == ["accepted", "undone"]


def test_in_german(site: Site) -> None:
    with site.signed("max") as seen:
        page = seen.page
        page.select_option("select[name=language]", "de")
        page.click("header .who button")
        expect(page.locator("html")).to_have_attribute("lang", "de")
        expect(page.locator("h1")).to_contain_text("Übergaben")
        page.locator("a.row").first.click()
        expect(page.locator("#why h2").first).to_contain_text("Warum")
        seen.open("/nurture")
        expect(page.locator(".group h3").first).to_be_visible()
        page.select_option("select[name=language]", "en")
        page.click("header .who button")
        expect(page.locator("html")).to_have_attribute("lang", "en")


def test_what_would_help_is_asked_for_in_place(site: Site) -> None:
    with site.signed("max") as seen:
        page = seen.open("/nurture")
        page.locator(".group .row").nth(1).click()
        expect(page).to_have_url(re.compile("/lead"))
        address = page.url
        page.click("#help a")
        expect(page.locator("#help li").first).to_be_visible()
        assert page.url.split("#")[0] == address


def test_a_nasty_name_is_text_everywhere(site: Site) -> None:
    held = [h for h in site.ledger.handoffs(2**60) if NASTY in h["frozen"]["why"]["display"].values()]
    assert held
    with site.signed("mia") as seen:
        page = seen.open("/handoffs?status=all&q=onerror")
        expect(page.locator("a.row").first).to_contain_text(NASTY)
        page.locator("a.row").first.click()
        expect(page.locator("h1")).to_contain_text(NASTY)
        seen.open("/nurture")
        expect(page.locator(".group").first).to_be_visible()
        assert page.locator("img").count() == 0
