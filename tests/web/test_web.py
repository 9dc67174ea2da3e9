"""The view, asked by plain requests as a browser without JavaScript sends them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from killed import DAY
from nights import NOW, write_night
from sites import NASTY, PASSWORD, QUICK, SPOKEN, WHO, Site, form, hidden, serving
from sqlalchemy import select

from lqmodel.declarations import Handoffs
from lqmodel.errors import CannotWrite, NoInput, UsageError
from lqmodel.files import read_manifest, write_manifest
from lqmodel.languages import NAMES, Language
from lqmodel.ledger import STATUSES, Feedback, Ledger
from lqmodel.ledger.tables import AUDIT
from lqmodel.rewriting import write_without
from lqmodel.rights import access
from lqmodel.runs import Run
from lqmodel.web import ROLES, Config, Person, Server, create_app, people
from lqmodel.web.board import Handed
from lqmodel.web.desk import Desk
from lqmodel.web.people import ABSOLUTE, IDLE, USERS, _hasher

on_sqlite = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
"""Of tests that nothing in the store can make fail."""


@pytest.fixture
def site(ledger: Ledger, tmp_path: Path) -> Iterator[Site]:
    """On both databases."""
    with serving(ledger, tmp_path) as made:
        yield made


# ── who may see what ─────────────────────────────────────────────────────────────────────────────────────────

ALL_LEADS, ADMINS = {"marketer", "manager", "admin"}, {"admin"}
READS = {
    "/": set(ROLES),
    "/login": set(ROLES),
    "/handoffs": set(ROLES),
    "/lead": set(ROLES),
    "/lead/help": set(ROLES),
    "/nurture": ALL_LEADS,
    "/nurture/audience.csv": ALL_LEADS,
    "/funnel": ALL_LEADS,
    "/model": set(ROLES),
    "/users": ADMINS,
    "/audit": ADMINS,
}
"""Address → who may read it; of leads, their own."""
LEADS = ("/lead", "/lead/help")
WITHOUT_MODEL = {"/nurture/audience.csv": 503}
WRITES = ("/login", "/logout", "/language", "/lead/act", "/lead/undo", "/users/role", "/users/disable")


def routes_of(router: Any) -> Iterator[tuple[str, str]]:
    for route in router.routes:
        if hasattr(route, "methods"):
            yield from ((method, route.path) for method in route.methods)
        elif hasattr(route, "original_router"):
            yield from routes_of(route.original_router)


@on_sqlite
def test_every_route_is_in_the_matrix(site: Site) -> None:
    routes = set(routes_of(site.app))
    assert routes == {("GET", path) for path in READS} | {("POST", path) for path in WRITES}


@pytest.mark.parametrize("name", sorted(WHO))
def test_the_matrix_of_routes_roles_and_leads(site: Site, name: str) -> None:
    client, role = site.signed(name), WHO[name]
    for path, roles in READS.items():
        if path not in LEADS:
            status = WITHOUT_MODEL.get(path, 200) if role in roles else 403
            assert client.get(path).status_code == status, path
    for path in ("/users/role", "/users/disable"):
        sent = {
            "csrf": hidden(client.get("/handoffs").text, "csrf"),
            "name": "max",
            "role": "marketer",
        }
        if path != "/users/disable" or role != "admin":
            assert client.post(path, data=sent).status_code == (200 if role == "admin" else 403)
    for lead in ("A", "B", "M", NASTY, "nobody", "../A"):
        mine = {"ann": lead in ("A", NASTY), "ben": lead == "B"}.get(name, lead in ("A", "B", "M", NASTY))
        read = client.get("/lead", params={"id": lead})
        assert read.status_code == (200 if mine else 404), lead
        assert client.get("/lead/help", params={"id": lead}).status_code == 404, "no model is at hand"
        csrf = hidden(client.get("/handoffs").text, "csrf")
        sent = {
            "csrf": csrf,
            "lead_id": lead,
            "act": "worked",
            "token": f"a-token-for-{role}-{lead[:3]}",
            "seen": 99,
        }
        acted = client.post("/lead/act", data=sent)
        known = lead in ("A", "B", "M", NASTY)
        expected = (
            404 if role == "seller" and not mine else 403 if role == "marketer" else 200 if known else 404
        )
        assert acted.status_code == expected, (lead, acted.text)
        undone = client.post("/lead/undo", data={"csrf": csrf, "lead_id": lead, "token": "x" * 20})
        assert undone.status_code == (409 if expected == 200 else expected), lead


@on_sqlite
def test_without_a_session_there_is_nothing(site: Site) -> None:
    client = site.client(follow=False)
    for path in READS:
        answer = client.get(path, params={"id": "A"})
        assert answer.status_code in (200, 303)
        assert "Person" not in answer.text
        assert path in ("/login", "/") or answer.headers["location"] == "/login"
    for path in WRITES:
        assert client.post(path, data={"lead_id": "A", "csrf": "x"}).status_code in (401, 403)


def test_a_seller_lists_their_own_and_a_manager_all(site: Site) -> None:
    assert set(re.findall(r"Person (\w)", site.signed("ben").get("/handoffs").text)) == {"B"}
    assert set(re.findall(r"Person (\w)", site.signed("mia").get("/handoffs").text)) == {"A", "B"}
    assert "Person B" not in site.signed("ann").get("/handoffs?owner=ben&status=all").text


# ── what comes from elsewhere ────────────────────────────────────────────────────────────────────────────────


@on_sqlite
@pytest.mark.parametrize("path", [path for path in WRITES if path != "/login"])
def test_a_form_from_elsewhere_is_refused(site: Site, path: str) -> None:
    ann = site.signed("ann")
    page = ann.get("/lead?id=A").text
    sent = form(page, "accepted", language="de")
    assert ann.post(path, data={**sent, "csrf": "guessed"}).status_code == 403
    assert ann.post(path, data={k: v for k, v in sent.items() if k != "csrf"}).status_code == 403
    assert ann.post(path, data=sent, headers={"origin": "https://elsewhere.example"}).status_code == 403
    assert ann.post(path, data=sent, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    theirs = hidden(site.signed("mia").get("/handoffs").text, "csrf")
    assert ann.post(path, data={**sent, "csrf": theirs}).status_code == 403
    assert site.acts("A") == []
    assert ann.get("/handoffs").url.path == "/handoffs", "still signed in"


@on_sqlite
def test_every_answer_carries_the_headers(site: Site) -> None:
    client = site.signed("ann")
    for path in ("/handoffs", "/lead?id=A", "/lead?id=B", "/static/view.css", "/static/htmx.min.js", "/none"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store" or path.startswith("/static")


@on_sqlite
def test_no_page_holds_script_or_style_of_its_own(site: Site) -> None:
    client = site.signed("ada")
    for path in (
        "/handoffs?status=all",
        "/lead?id=A",
        *(p for p in READS if p not in (*LEADS, "/nurture/audience.csv")),
    ):
        page = client.get(path).text
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|<[a-z][^<>]*\s(style|on\w+)=", page), path
        assert len(page.encode()) < 60_000


@on_sqlite
@pytest.mark.parametrize("path", ["/login", "/handoffs", "/lead?id=A", "/static/view.css", "/none"])
def test_head_is_get_without_the_body(site: Site, path: str) -> None:
    ann = site.signed("ann")
    asked = ann.head(path)
    assert asked.status_code == ann.get(path).status_code
    assert asked.content == b""
    assert "content-security-policy" in asked.headers


@on_sqlite
def test_an_error_that_nobody_foresaw_has_the_headers_and_tells_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = site.signed("ann")

    def breaks(*_: Any) -> None:
        raise RuntimeError("a secret of the server")

    monkeypatch.setattr(site.app.state.view.trail, "saw", breaks)
    answer = ann.get("/lead?id=A")
    assert answer.status_code == 500
    assert Language.of("en").say("web.failed_500") in answer.text
    assert "secret" not in answer.text
    assert answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


def test_a_look_that_cannot_be_written_down_is_not_had(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = site.signed("ann")

    def full(*_: Any, **__: Any) -> None:
        raise CannotWrite("the disk is full", do="make room")

    monkeypatch.setattr(site.ledger, "writing", full)
    answer = ann.get("/lead?id=A")
    assert answer.status_code == 503
    assert "Person A" not in answer.text


@on_sqlite
def test_over_https_the_cookie_is_of_this_host_alone(site: Site, tmp_path: Path) -> None:
    config = Config(tmp_path / "runs" / "latest", SPOKEN, secure=True)
    ledger = Ledger(site.ledger.store.url.render_as_string(hide_password=False), tmp_path)
    app = create_app(config, ledger, lambda: site.now)
    with (
        Server(app) as server,
        httpx.Client(base_url=server.url, trust_env=False) as client,
    ):  # as a proxy asks
        page = client.get("/login")
        assert page.headers["strict-transport-security"]
        sent = "; ".join(cookie.split(";")[0] for cookie in page.headers.get_list("set-cookie"))
        form = {"name": "ann", "password": PASSWORD, "csrf": hidden(page.text, "csrf")}
        answer = client.post("/login", data=form, headers={"cookie": sent})
        cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith("__Host-lqmodel="))
        parts = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert {"httponly", "secure", "samesite=lax", "path=/"} <= parts
        assert not any(part.startswith("domain") for part in parts)
        held = {"cookie": cookie.split(";")[0]}
        page = client.get("/handoffs", headers=held)
        assert page.status_code == 200
        plain = {"cookie": held["cookie"].replace("__Host-", "")}
        assert client.get("/handoffs", headers=plain).status_code == 303
        out = client.post("/logout", data={"csrf": hidden(page.text, "csrf")}, headers=held)
        assert any("__Host-lqmodel=" in c and "Secure" in c for c in out.headers.get_list("set-cookie"))
        assert client.get("/handoffs", headers=held).status_code == 303


@on_sqlite
def test_another_host_is_refused(site: Site) -> None:
    assert site.client().get("/login", headers={"host": "evil.example"}).status_code == 400


@on_sqlite
def test_a_body_that_is_too_large_is_refused(site: Site) -> None:
    assert site.signed("ann").post("/lead/act", data={"note": "x" * 70_000}).status_code == 413


def test_a_lead_with_a_nasty_name_is_text(site: Site) -> None:
    ann = site.signed("ann")
    pages = [ann.get("/handoffs").text, ann.get("/lead", params={"id": NASTY}).text]
    pages.append(ann.get("/handoffs", params={"q": NASTY}).text)
    ann.post("/lead/act", data=form(pages[1], "rejected", reason="no_reply", note=NASTY))
    pages.append(ann.get("/lead", params={"id": NASTY}).text)
    for page in pages:
        assert "<img" not in page
        assert "&lt;img src=x onerror=alert(1)&gt;" in page


# ── signing in ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_wrong_password_and_an_unknown_name_read_the_same(site: Site) -> None:
    texts = []
    for name in ("ann", "nobody"):
        client = site.client()
        csrf = hidden(client.get("/login").text, "csrf")
        answer = client.post("/login", data={"name": name, "password": "wrong", "csrf": csrf})
        assert answer.status_code == 401
        texts.append(answer.text.replace(csrf, ""))
    assert texts[0] == texts[1]


@on_sqlite
def test_guessing_is_slowed_down(site: Site) -> None:
    client = site.client()
    csrf = hidden(client.get("/login").text, "csrf")
    tries = [client.post("/login", data={"name": "ann", "password": f"{i}", "csrf": csrf}) for i in range(7)]
    assert [t.status_code for t in tries] == [401] * 5 + [429] * 2
    csrf = hidden(client.get("/login").text, "csrf")
    assert client.post("/login", data={"name": "ann", "password": PASSWORD, "csrf": csrf}).status_code == 429


@on_sqlite
def test_guessing_from_one_place_locks_nobody_out_of_another(site: Site) -> None:
    client, elsewhere = site.client(), site.app.state.view
    csrf = hidden(client.get("/login").text, "csrf")
    for i in range(80):
        client.post("/login", data={"name": "ann", "password": f"{i}", "csrf": csrf})
    assert elsewhere.logins.allows("ann", "10.0.0.7")
    assert elsewhere.logins_by_name.allows("ann"), (
        "what one place may not try is not counted against the name"
    )


@on_sqlite
def test_signing_in_ends_the_session_before_it(site: Site) -> None:
    client = site.signed("ann")
    kept = dict(client.cookies)
    form = {"name": "ben", "password": PASSWORD, "csrf": hidden(client.get("/login").text, "csrf")}
    assert client.post("/login", data=form).url.path == "/handoffs"
    assert httpx.get(f"{site.url}/handoffs", cookies=kept, trust_env=False).status_code == 303
    assert client.get("/handoffs").url.path == "/handoffs"


@on_sqlite
def test_who_is_shut_out_while_a_password_is_hashed_does_not_come_in(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, shut in (
        ("ann", lambda: site.people.disable("ann")),
        ("ben", lambda: site.people.give_password("ben", "another " + PASSWORD)),
    ):
        slow = Slow(shut)
        with monkeypatch.context() as patched:
            patched.setattr(people, "_hasher", lambda slow=slow: slow)
            assert site.people.sign_in(name, PASSWORD, site.now) is None


class Slow:
    """A hash that something happens beside."""

    def __init__(self, meanwhile: Callable[[], None]) -> None:
        self._meanwhile = meanwhile

    def verify(self, password: str, hashed: str) -> bool:
        self._meanwhile()
        return QUICK.verify(password, hashed)

    def hash(self, password: str) -> str:
        return QUICK.hash(password)


@on_sqlite
def test_a_session_that_a_clock_began_ahead_of_this_one_is_none(site: Site) -> None:
    key = site.people.sign_in("ann", PASSWORD, site.now + DAY)
    assert key is not None
    assert site.people.session(key, site.now + DAY) is not None
    assert site.people.session(key, site.now) is None


@on_sqlite
def test_what_cannot_be_written_down_is_not_changed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    ada, view = site.signed("ada"), site.app.state.view
    csrf = hidden(ada.get("/users").text, "csrf")

    def full(*told: object) -> None:
        raise CannotWrite("the disk is full", do="make room")

    monkeypatch.setattr(view.trail, "did", full)
    for path, more in (("/users/role", {"role": "manager"}), ("/users/disable", {})):
        assert ada.post(path, data={"csrf": csrf, "name": "ann", **more}).status_code == 503
    ann = next(person for person in site.people.all() if person.name == "ann")
    assert (ann.role, ann.disabled) == ("seller", False)


@on_sqlite
def test_a_look_that_fails_for_any_reason_is_not_had(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = site.signed("ann")

    def broken(*told: object, **more: object) -> None:
        raise MemoryError

    monkeypatch.setattr("lqmodel.web.trail.note", broken)
    assert ann.get("/lead?id=A").status_code == 500


@on_sqlite
def test_files_are_asked_after_and_pages_are_never_kept(site: Site) -> None:
    ann = site.signed("ann")
    first = ann.get("/static/htmx.min.js")
    assert first.headers["cache-control"] == "no-cache"
    again = ann.get("/static/htmx.min.js", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert {ann.get(page).headers["cache-control"] for page in ("/handoffs", "/lead?id=A", "/not-there")} == {
        "no-store"
    }


@on_sqlite
@pytest.mark.parametrize("pause", [IDLE + 1, ABSOLUTE + 1])
def test_a_session_ends(site: Site, pause: int) -> None:
    client = site.signed("ann")
    for _ in range(pause // (IDLE // 2)):
        site.now += IDLE // 2
        if pause > IDLE * 2:
            client.get("/handoffs")  # not idle, and ends all the same
    site.now += pause % (IDLE // 2)
    assert client.get("/handoffs").url.path == "/login"


def test_signing_out_and_being_shut_out_end_it_at_once(site: Site) -> None:
    client = site.signed("ann")
    kept = dict(client.cookies)
    client.post("/logout", data={"csrf": hidden(client.get("/handoffs").text, "csrf")})
    assert httpx.get(f"{site.url}/handoffs", cookies=kept, trust_env=False).status_code == 303
    ben = site.signed("ben")
    site.people.disable("ben")
    assert ben.get("/handoffs").url.path == "/login"
    assert site.people.sign_in("ben", PASSWORD, site.now) is None


def test_passwords_are_hashed_slowly() -> None:
    """Not with `sites.QUICK`."""
    assert "$m=65536,t=3,p=4$" in _hasher().hash(PASSWORD)


def test_people_are_kept_safely(site: Site) -> None:
    with site.ledger.store.reading() as con:
        kept = [row.password for row in con.execute(select(USERS))]
    assert all(p.startswith("$argon2id$") for p in kept)
    assert len(set(kept)) == len(kept)
    for person, password, said in (
        (Person("ann", "seller", "ann"), PASSWORD, "already"),
        (Person("new", "king", "new"), PASSWORD, "no role"),
        (Person("new", "seller", "new"), "short", "12 to 200 characters"),
        (Person(" ", "seller", ""), PASSWORD, "is no name"),
    ):
        with pytest.raises(UsageError, match=said):
            site.people.add(person, password)
    with pytest.raises(NoInput, match="no user"):
        site.people.disable("nobody")
    assert [p.role for p in site.people.all()] == [WHO[name] for name in sorted(WHO)]
    assert set(WHO.values()) == set(ROLES)


def test_an_administrator_gives_roles_and_shuts_out(site: Site) -> None:
    ada, ben = site.signed("ada"), site.signed("ben")
    csrf = hidden(ada.get("/users").text, "csrf")
    assert ben.get("/lead?id=A").status_code == 404
    assert ada.post("/users/role", data={"csrf": csrf, "name": "ben", "role": "manager"}).status_code == 200
    assert ben.get("/lead?id=A").status_code == 200, "from the next click on"
    assert ada.post("/users/role", data={"csrf": csrf, "name": "ben", "role": "king"}).status_code == 400
    assert ada.post("/users/role", data={"csrf": csrf, "name": "nobody", "role": "seller"}).status_code == 404
    assert ada.post("/users/disable", data={"csrf": csrf, "name": "nobody"}).status_code == 404
    for path in ("/users/role", "/users/disable"):
        own = ada.post(path, data={"csrf": csrf, "name": "ada", "role": "seller"})
        assert own.status_code == 403, "nobody shuts themselves out"
    assert ada.post("/users/disable", data={"csrf": csrf, "name": "ben"}).status_code == 200
    assert ben.get("/handoffs").url.path == "/login"
    log = ada.get("/audit?person=ada").text
    assert all(word in log for word in ("role", "disable", "manager"))


# ── acts ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_accept_undo_reject_and_the_manager_sees_it(site: Site) -> None:
    ann = site.signed("ann")
    page = ann.post("/lead/act", data=form(ann.get("/lead?id=A").text, "accepted")).text
    assert site.status("A") == "accepted"
    assert len(site.ledger.acts("m", site.now + 1)) <= 1
    token = re.search(r'action="/lead/undo".*?name="token" value="([^"]+)"', page, re.S)
    assert token
    sent = {"csrf": hidden(page, "csrf"), "lead_id": "A", "token": token[1]}
    page = ann.post("/lead/undo", data=sent).text
    assert site.status("A") == "open"
    assert ann.post("/lead/undo", data=sent).status_code == 200, "twice is once"
    assert len(site.acts("A")) == 2
    site.now += 1
    answer = ann.post(
        "/lead/act", data=form(ann.get("/lead?id=A").text, "rejected", reason="no_budget", note="later")
    )
    assert answer.status_code == 200
    assert site.status("A") == "rejected"
    seen = site.signed("mia").get("/lead?id=A").text
    assert "no_budget · later · ann" in seen
    assert "Person A" in site.signed("mia").get("/handoffs?status=rejected").text


def test_what_was_taken_back_moves_no_stage(site: Site) -> None:
    ann = site.signed("ann")
    model = site.ledger.runs()[0]["model"]
    page = ann.post("/lead/act", data=form(ann.get("/lead?id=A").text, "accepted")).text
    assert site.ledger.acts(model, site.now + 1)["lead_id"].to_pylist() == ["A"]
    token = re.search(r'action="/lead/undo".*?name="token" value="([^"]+)"', page, re.S)
    assert token
    ann.post("/lead/undo", data={"csrf": hidden(page, "csrf"), "lead_id": "A", "token": token[1]})
    assert site.ledger.acts(model, site.now + 1).num_rows == 0


def test_only_ones_own_act_is_taken_back(site: Site) -> None:
    ann, mia = site.signed("ann"), site.signed("mia")
    ann.post("/lead/act", data=form(ann.get("/lead?id=A").text, "accepted"))
    token = site.acts("A")[0]["token"]
    page = mia.get("/lead?id=A").text
    assert token not in page
    answer = mia.post("/lead/undo", data={"csrf": hidden(page, "csrf"), "lead_id": "A", "token": token})
    assert answer.status_code == 409
    assert site.status("A") == "accepted"


def test_what_a_run_has_followed_is_not_taken_back(site: Site, tmp_path: Path) -> None:
    ann = site.signed("ann")
    page = ann.post("/lead/act", data=form(ann.get("/lead?id=A").text, "accepted")).text
    token = site.acts("A")[0]["token"]
    day = NOW // DAY + 2
    assert "/lead/undo" in page
    later = write_night(tmp_path / "runs", day, {"A": "SAL"})
    site.now = (day + 1) * DAY
    site.ledger.record(later, site.now)
    ann = site.signed("ann")
    page = ann.get("/lead?id=A").text
    assert "/lead/undo" not in page, "what would be refused is not offered"
    answer = ann.post("/lead/undo", data={"csrf": hidden(page, "csrf"), "lead_id": "A", "token": token})
    assert answer.status_code == 409
    assert "A run has followed this act since. Say what is right now by a new one." in answer.text


def test_a_double_click_gives_one_record(site: Site) -> None:
    ann = site.signed("ann")
    sent = form(ann.get("/lead?id=A").text, "accepted")

    def click(_: int) -> int:
        return httpx.post(
            f"{site.url}/lead/act",
            data=sent,
            cookies=dict(ann.cookies),
            follow_redirects=True,
            trust_env=False,
        ).status_code

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(click, range(8))) == [200] * 8
    assert [row["act"] for row in site.acts("A")] == ["accepted"]


def test_two_people_on_one_lead_are_told(site: Site) -> None:
    ann, mia = site.signed("ann"), site.signed("mia")
    both = ann.get("/lead?id=A").text, mia.get("/lead?id=A").text
    assert ann.post("/lead/act", data=form(both[0], "accepted")).status_code == 200
    answer = mia.post("/lead/act", data=form(both[1], "rejected", reason="no_reply", note="I <called> twice"))
    assert answer.status_code == 409
    assert "Meanwhile ann said: accepted." in answer.text
    assert '<details open><summary data-key="r">' in answer.text, "what was entered stands there again"
    assert "<option selected>no_reply</option>" in answer.text
    assert ">I &lt;called&gt; twice</textarea>" in answer.text
    assert answer.headers["hx-push-url"] == "false", "the form's address is none that can be read again"
    assert [row["person"] for row in site.acts("A")] == ["ann"]
    assert mia.post("/lead/act", data=form(answer.text, "rejected", reason="no_reply")).status_code == 200


@pytest.mark.parametrize(
    ("act", "more", "status", "said"),
    [
        ("rejected", {}, 409, "A rejection needs a reason"),
        ("rejected", {"reason": "made up"}, 409, "No reason"),
        ("snoozed", {"days": 14}, 200, "snoozed"),
        ("snoozed", {"days": 9999}, 422, ""),
        ("qualified", {"item": ["budget"]}, 200, "qualified"),
        ("suppressed", {}, 200, "not to be contacted"),
    ],
)
def test_what_can_be_said(site: Site, act: str, more: dict[str, Any], status: int, said: str) -> None:
    ann = site.signed("ann")
    answer = ann.post("/lead/act", data=form(ann.get("/lead?id=A").text, act, **more))
    assert answer.status_code == status
    assert said in answer.text
    assert len(site.acts("A")) == (status == 200)
    if act == "qualified":
        assert site.acts("A")[0]["checklist"] == {"budget": True, "need": False}


def test_an_act_that_is_none_is_refused(site: Site) -> None:
    ann = site.signed("ann")
    sent = form(ann.get("/lead?id=A").text, "accepted")
    assert ann.post("/lead/act", data={**sent, "act": "undone"}).status_code == 400
    assert ann.post("/lead/act", data={**sent, "token": "undo:0123456789abcdef"}).status_code == 400
    assert site.acts("A") == []


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_look_at_a_lead_is_written_down(site: Site) -> None:
    site.signed("ann").get("/lead?id=A")
    site.signed("ann").get("/lead?id=B")  # not theirs: not shown
    with site.ledger.store.reading() as con:
        rows = list(con.execute(select(AUDIT)))
    assert [(row.person, row.action) for row in rows] == [("ann", "see")]
    assert "A" not in (rows[0].subject, rows[0].version)
    log = site.signed("ada").get("/audit").text
    assert "ann" in log
    assert rows[0].subject[:12] in log
    assert "ann" not in site.signed("ada").get("/audit?person=mia").text
    assert site.ledger.verify().problems == ()


def test_looks_at_once_are_each_written_down(site: Site) -> None:
    clients = [site.signed(name) for name in ("ann", "mia", "ada", "max")]
    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(lambda i: clients[i % 4].get("/lead?id=A").status_code, range(24)))
    assert seen == [200] * 24
    with site.ledger.store.reading() as con:
        rows = [row.person for row in con.execute(select(AUDIT))]
    assert Counter(rows) == dict.fromkeys(("ann", "mia", "ada", "max"), 6)
    assert site.ledger.verify().problems == ()


def test_whoever_asks_for_access_sees_who_looked(site: Site) -> None:
    site.signed("ann").get("/lead?id=A")
    site.signed("mia").get("/lead?id=B")
    access(site.ledger, [], "A", "officer", site.now)
    told = access(site.ledger, [], "A", "officer", site.now).audit
    assert [(row["person"], row["action"]) for row in told] == [("ann", "see"), ("officer", "access")]


def test_what_an_erasure_took_is_not_shown_any_more(site: Site, tmp_path: Path) -> None:
    mia = site.signed("mia")
    chance = Language.of("en").odds(0.2)
    assert chance in mia.get("/lead?id=M").text
    assert write_without((tmp_path / "runs" / "latest").resolve(), ["M"]) == 3
    assert chance not in mia.get("/lead?id=M").text


def test_an_agreement_that_is_not_in_force_says_so_where_it_is_named(site: Site, tmp_path: Path) -> None:
    folder = (tmp_path / "runs" / "latest").resolve()
    manifest = {k: v for k, v in read_manifest(folder).items() if k not in ("files", "sha256")}
    mia = site.signed("mia")
    pages, said = ("/lead?id=A", "/model"), "Not in force: not signed yet by "
    for signed, waits in (({"by": ["marketing"]}, "sales."), (None, "marketing, sales.")):
        write_manifest(folder, {**manifest, "agreement": "2026-01", "signed": signed})
        assert [said + waits in mia.get(page).text for page in pages] == [True, True]
    write_manifest(folder, {**manifest, "agreement": "2026-01", "signed": {"by": ["marketing", "sales"]}})
    for page in pages:
        told = mia.get(page).text
        assert "2026-01" in told
        assert said not in told


def test_an_order_is_worked_out_once_for_those_who_are_handed_over(site: Site, tmp_path: Path) -> None:
    view, mia = site.app.state.view, Person("mia", "manager", "mia")
    worked: list[str] = []

    def by_id(h: Handed) -> str:
        worked.append(h.lead_id)
        return h.lead_id

    def order() -> list[str]:
        return list(view.cuts.in_order(view.desk.handed(site.now), mia, view.shown(), "id", by_id))

    assert order() == sorted([*"AB", NASTY]) == order()
    site.ledger.say(
        [Feedback("A", "accepted", site.now, person="ann", token="a-token-of-an-act")], SPOKEN, site.now
    )
    assert order() == sorted([*"AB", NASTY])
    assert len(worked) == 3, "an answer changes what became of a lead, and not who has it"
    stages = dict.fromkeys((*"ABM", NASTY), "sales-ready")
    run = write_night(tmp_path / "runs", 3, stages, previous=Run.open(tmp_path / "runs" / "latest"))
    site.ledger.record(run, site.now)
    assert order() == sorted([*"ABM", NASTY])


def test_the_desk_that_is_kept_is_the_one_that_is_read_anew(site: Site, tmp_path: Path) -> None:
    kept = Desk(site.ledger)
    acts = ("accepted", "worked", "rejected", "suppressed", "lifted")

    def same() -> None:
        assert kept.handed(site.now) == Desk(site.ledger).handed(site.now)

    same()
    previous = Run.open(tmp_path / "runs" / "latest")
    for i, act in enumerate(acts):
        reason = "no_reply" if act == "rejected" else None
        said = Feedback(
            "AB"[i % 2], act, site.now, reason=reason, person="ann", token=f"a-token-of-the-act-{i}"
        )
        assert site.ledger.say([said], SPOKEN, site.now).taken == 1, act
        same()
        site.now += DAY // 2
        same()
    rules = Handoffs(respond_within="3d")
    first = int(site.now // DAY) + 1
    for day in (first, first + 1):
        site.now = (day + 1) * DAY
        stages = {"A": "sales-ready", "B": "MQL" if day == first else "sales-ready", "C": "sales-ready"}
        previous = write_night(tmp_path / "runs", day, stages, previous=previous, owners={"C": "ben"})
        site.ledger.record(previous, site.now, rules)
        same()
    assert kept.handed(site.now)["C"].overdue is False
    site.now += 3 * DAY
    same()
    assert kept.handed(site.now)["C"].overdue is True


@on_sqlite
def test_filters_are_for_where_leads_stand_and_how_they_moved(site: Site, tmp_path: Path) -> None:
    mia = site.signed("mia")
    order: Callable[[str], list[str]] = lambda page: re.findall(r"<strong>Person (\w)", page)  # noqa: E731
    assert order(mia.get("/handoffs?stage=sales-ready").text) == ["B", "A"]
    write_night(tmp_path / "runs", 3, {"A": "SAL", "B": "sales-ready"}, probability={"A": 0.9, "B": 0.7})
    assert order(mia.get("/handoffs").text) == ["A", "B"], "by the chance that is shown"
    assert order(mia.get("/handoffs?stage=SAL").text) == ["A"]
    assert order(mia.get("/handoffs?stage=SAL&changed=down").text) == []
    assert order(mia.get("/handoffs?segment=country%3DDE").text) == []
    assert (
        mia.get("/handoffs", params={"stage": NASTY, "segment": NASTY, "changed": NASTY}).status_code == 200
    )


def test_of_an_account_one_line_stands_and_its_page_names_the_others(site: Site, tmp_path: Path) -> None:
    run = write_night(
        tmp_path / "runs",
        3,
        {**dict.fromkeys(("A", "B", NASTY, "J", "K", "L"), "sales-ready"), "M": "MQL"},
        previous=Run.open(tmp_path / "runs" / "latest"),
        probability={"J": 0.9},
        accounts=dict.fromkeys("JKL", "acme"),
        owners=dict.fromkeys("JKL", "ann"),
    )
    site.ledger.record(run, NOW, Handoffs.model_validate({"owners": {"column": "owner"}}))
    seller = site.signed("ann")
    listed = seller.get("/handoffs").text
    assert "Person J" in listed
    assert "Person K" not in listed
    assert "Person L" not in listed
    leader, joined = (seller.get("/lead", params={"id": lead}) for lead in "JK")
    for page, others in ((leader, "KL"), (joined, "JL")):
        assert page.status_code == 200
        assert all(f">Person {lead}</a> (open)" in page.text for lead in others)
    assert site.signed("ben").get("/lead", params={"id": "K"}).status_code == 404
    assert "Of the same account" not in seller.get("/lead", params={"id": "A"}).text


@on_sqlite
def test_searching_sorting_and_paging(site: Site, tmp_path: Path) -> None:
    mia = site.signed("mia")
    order: Callable[[str], list[str]] = lambda page: re.findall(r"<strong>Person (\w)", page)  # noqa: E731
    assert order(mia.get("/handoffs").text) == ["B", "A"]
    assert order(mia.get("/handoffs?sort=name").text) == ["A", "B"]
    assert order(mia.get("/handoffs?q=person%20a").text) == ["A"]
    assert order(mia.get("/handoffs?owner=ben").text) == ["B"]
    assert order(mia.get("/handoffs?status=won").text) == []
    assert order(mia.get("/handoffs?page=99&sort=unknown").text) == ["B", "A"]
    unread = mia.get("/handoffs?page=0&q=" + NASTY)
    assert unread.status_code == 422
    assert Language.of("en").say("web.failed_400") in unread.text
    assert "onerror" not in unread.text


@on_sqlite
@pytest.mark.parametrize("language", sorted(NAMES))
def test_pages_speak_the_readers_language(site: Site, language: str) -> None:
    ann = site.signed("ann")
    csrf = hidden(ann.get("/handoffs").text, "csrf")
    page = ann.post("/language", data={"csrf": csrf, "language": language}).text
    spoken = Language.of(language)
    assert f'<html lang="{language}">' in page
    assert spoken.say("web.handoffs") in page
    assert spoken.odds(0.6) in page
    assert spoken.say("web.accept") in ann.get("/lead?id=A").text
    assert httpx.get(f"{site.url}/login", headers={"accept-language": language}, trust_env=False).text.count(
        spoken.say("web.password")
    )


def test_a_reader_is_told_in_their_language_who_was_faster_and_that_there_is_no_page(site: Site) -> None:
    ann, mia = site.signed("ann"), site.signed("mia")
    site.people.speak("mia", Language.of("de"))
    page = mia.get("/lead?id=A").text
    ann.post("/lead/act", data=form(ann.get("/lead?id=A").text, "worked"))
    assert (
        "Inzwischen hat ann gesagt: kontaktiert." in mia.post("/lead/act", data=form(page, "accepted")).text
    )
    for answer in (mia.get("/none"), mia.get("/users"), mia.get("/lead/act"), mia.get("/handoffs?page=0")):
        assert answer.status_code in (403, 404, 405, 422)
        assert '<html lang="de">' in answer.text
        assert '<a href="/handoffs">Meine Übergaben</a>' in answer.text
        assert "Abmelden" in answer.text, "the menu is there"
    stranger = site.client().get("/none", headers={"accept-language": "nb"})
    assert '<html lang="nb">' in stranger.text
    assert '<a href="/login">' in stranger.text


def test_every_status_has_a_word() -> None:
    for status in STATUSES:
        assert Language.of("de").say(f"web.status_{status.replace(' ', '_')}")


@on_sqlite
def test_a_newer_run_is_shown_as_soon_as_it_is_whole(site: Site, tmp_path: Path) -> None:
    ann = site.signed("ann")
    assert "about 6 in 10" in ann.get("/lead?id=A").text
    write_night(tmp_path / "runs", 3, {"A": "sales-ready"}, probability={"A": 0.9})
    assert "about 9 in 10" in ann.get("/lead?id=A").text
