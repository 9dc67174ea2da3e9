"""Every answer that a lead's page takes, with and without JavaScript, as the ledger then holds it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from browser.conftest import Site

DAY = 86_400_000_000
scripted = pytest.mark.parametrize("scripts", [True, False], ids=["JavaScript", "plain"])


@dataclass(frozen=True)
class Answer:
    """An answer: how it is given, what then stands on top of the page, and what the ledger holds beside its name."""

    act: str
    give: Callable[[Page], None]
    status: str
    held: dict[str, Any] = field(default_factory=dict)
    checklist: dict[str, bool] = field(default_factory=dict)
    days: int = 0


def reject(page: Page, reason: str = "no_budget", note: str = "none before spring; “später” 🙂") -> None:
    page.click("summary:text-is('Reject')")
    page.select_option("select[name=reason]", reason)
    page.fill("details[open] textarea", note)
    page.click("details[open] button")


def qualify(page: Page) -> None:
    page.click("summary:text-is('Qualify')")
    for item in ("budget", "need"):
        page.check(f"details[open] input[value={item}]")
    page.fill("details[open] textarea", "the board decides in May")
    page.click("details[open] button")


def put_off(page: Page) -> None:
    page.click("summary:text-is('Put off')")
    page.fill("details[open] input[name=days]", "30")
    page.click("details[open] button")


def object_to_it(page: Page) -> None:
    page.click("summary:text-is('Objects')")
    page.click("details[open] button")


CHECKLIST = {"budget": True, "authority": False, "need": True, "timeframe": False, "location": False}
ANSWERS = [
    Answer("accepted", lambda page: page.click("button:text-is('Accept')"), "accepted"),
    Answer("worked", lambda page: page.click("button:text-is('I called')"), "called"),
    Answer(
        "rejected",
        reject,
        "rejected",
        {"reason": "no_budget", "note": "none before spring; “später” 🙂"},
    ),
    Answer("qualified", qualify, "qualified", {"note": "the board decides in May"}, CHECKLIST),
    Answer("snoozed", put_off, "put off", days=30),
    Answer("suppressed", object_to_it, "not to be contacted"),
]


@scripted
@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer.act)
def test_an_answer_is_held_as_it_was_given_and_taken_back(
    site: Site, waiting: Iterator[str], answer: Answer, scripts: bool
) -> None:
    lead = next(waiting)
    with site.signed("ann", java_script_enabled=scripts) as seen:
        page = seen.lead(lead)
        answer.give(page)
        expect(page.locator(".notice[role=status]")).to_have_text("Done.")
        expect(page.locator(".top")).to_contain_text(answer.status)
        (held,) = site.said(lead)
        empty = {"reason": None, "note": None, "person": "ann", "act": answer.act}
        assert {name: held[name] for name in empty} == empty | answer.held
        assert held["checklist"] == answer.checklist
        assert held["until"] == (held["at"] + answer.days * DAY if answer.days else None)
        seen.open(f"/handoffs?status={answer.act}")
        expect(page.locator(f'a.row[href="/lead?id={lead}"]')).to_be_visible()
        seen.lead(lead)
        for told in answer.held.values():
            expect(page.locator("#history")).to_contain_text(told)
        page.click("#history button:text-is('Undo')")
        expect(page.locator(".notice[role=status]")).to_have_text("Taken back.")
        expect(page.locator(".top")).to_contain_text("open")
        expect(page.locator("#history .undone")).to_have_count(1)
        expect(page.locator("#history button")).to_have_count(0)
    assert site.acts(lead) == [answer.act, "undone"]


@scripted
def test_an_answer_that_lacks_what_it_needs_is_not_sent(
    site: Site, waiting: Iterator[str], scripts: bool
) -> None:
    lead = next(waiting)
    with site.signed("ann", java_script_enabled=scripts) as seen:
        page = seen.lead(lead)
        page.click("summary:text-is('Reject')")
        page.fill("details[open] textarea", "kept")
        page.click("details[open] button")
        expect(page.locator("select[name=reason]")).to_be_focused()
        page.click("summary:text-is('Put off')")
        days = page.locator("input[name=days]")
        for wrong in ("0", "366", ""):
            days.fill(wrong)
            page.click("form:has(input[name=days]) button")
            expect(days).to_be_focused()
        expect(page.locator("details:has(select) textarea")).to_have_value("kept")
    assert site.acts(lead) == []


@scripted
def test_sent_twice_is_one_record(site: Site, waiting: Iterator[str], scripts: bool) -> None:
    lead = next(waiting)
    with site.signed("ann", java_script_enabled=scripts) as seen:
        page = seen.lead(lead)
        page.dblclick("button:text-is('Accept')")
        expect(page.locator(".top")).to_contain_text("accepted")
        page.wait_for_load_state("networkidle")
        expect(page.locator(".notice[role=status]")).to_have_text("Done.")
    assert site.acts(lead) == ["accepted"]


@scripted
def test_back_shows_what_is_now_and_the_old_form_records_nothing(
    site: Site, waiting: Iterator[str], scripts: bool
) -> None:
    lead = next(waiting)
    with site.signed("ann", java_script_enabled=scripts) as seen:
        page = seen.open(f"/handoffs?q={lead}")
        page.click("a.row")
        old = seen.context.new_page()  # the same page, before the answer
        old.goto(f"{site.url}/lead?id={lead}")
        form = {
            name: page.locator(f".acts form >> nth=0 >> [name={name}]").input_value()
            for name in ("csrf", "lead_id", "token", "seen", "act")
        }
        page.click("button:text-is('Accept')")
        expect(page.locator(".top")).to_contain_text("accepted")
        go(page.go_back, page)
        expect(page).to_have_url(f"{site.url}/lead?id={lead}")
        expect(page.locator(".top")).to_contain_text("accepted")
        expect(page.locator("#history")).to_contain_text("accepted")
        go(page.go_back, page)
        expect(page.locator("h1")).to_contain_text("My handoffs")
        expect(page.locator(f'a.row[href="/lead?id={lead}"]')).to_have_count(0)
        go(page.go_forward, page)
        expect(page.locator(".top")).to_contain_text("accepted")
        assert page.request.post(f"{site.url}/lead/act", form=form).status == 200, "it is done"
        assert site.acts(lead) == ["accepted"]
        old.click("button:text-is('I called')")
        expect(old.locator(".notice[role=status]")).to_contain_text("Meanwhile ann said: accepted.")
    assert site.acts(lead) == ["accepted"]


def go(way: Callable[[], object], page: Page) -> None:
    """Go back or forth, and wait for the page that is fetched anew."""
    with page.expect_event("load"):
        way()


def test_back_twice_in_a_hurry_shows_the_page_of_the_address(site: Site, waiting: Iterator[str]) -> None:
    lead, held = next(waiting), list[Route]()
    with site.signed("ann") as seen:
        page = seen.open(f"/handoffs?q={lead}")
        page.click("a.row")
        page.click("button:text-is('I called')")
        expect(page.locator(".notice[role=status]")).to_have_text("Done.")
        page.route("**/htmx.min.js", lambda route: held.append(route), times=1)
        page.evaluate("history.back()")
        while not held:
            page.wait_for_timeout(20)
        page.evaluate("history.back()")  # while the page before is on its way
        held[0].continue_()
        expect(page.locator("h1")).to_contain_text("My handoffs")
        expect(page).to_have_url(re.compile("/handoffs[?]q="))
