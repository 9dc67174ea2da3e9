"""Whatever is sent to any route, by whomever: no error that nobody foresaw, no look inside, and the headers on every answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from nights import databases
from sites import NASTY, Site, hidden, serving
from test_web import READS, WRITES

from lqmodel.web.guard import HEADERS

ROUTES = [("GET", path) for path in READS] + [("POST", path) for path in WRITES]
NOT_YET = "/nurture/audience.csv"
"""Answers 503 where no model is at hand, as a page that says so."""
OFTEN = "1000000/minute"
EXAMPLES = 10
TEXT = st.text(max_size=300)
EDGES = (
    "",
    " ",
    "\0",
    "\ud7ff",
    "-1",
    "0",
    "9" * 19,
    "9" * 20,
    "9" * 5000,
    "1e9",
    "x" * 199,
    "x" * 2001,
    NASTY,
    "%s{}'\"\\",
)
"""What fields break over, where they break."""
VALUES = st.one_of(
    TEXT,
    st.sampled_from(
        [
            "A",
            "B",
            "M",
            NASTY,
            "accepted",
            "undone",
            "de",
            "ann",
            "admin",
            "-1",
            "1e9",
            *EDGES,
        ]
    ),
)
GOOD = {
    "id": "A",
    "lead_id": "A",
    "act": "worked",
    "token": "a-token-that-fits",
    "seen": "0",
    "name": "max",
    "role": "seller",
}
"""What is let in; the rest is then what breaks it."""
FIELDS = st.sampled_from(
    [
        "id",
        "lead_id",
        "act",
        "token",
        "seen",
        "days",
        "item",
        "note",
        "reason",
        "name",
        "role",
        "language",
        "page",
        "q",
        "step",
    ]
)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("fuzzed")
    with (
        databases(request.param, folder) as store,
        serving(store.ledger(folder), folder, acts=OFTEN, logins=OFTEN) as made,
    ):
        yield made


def signed(site: Site, who: str) -> httpx.Client:
    """Return somebody's browser, signed in once: of too many the server hears no more."""
    for client in site.opened:
        if client.headers.get("x-who") == who and client.get("/handoffs").status_code == 200:
            return client
    client = site.signed(who) if who else site.client()
    client.follow_redirects = False
    client.headers["x-who"] = who
    return client


def check(answer: httpx.Response, path: str, who: str) -> None:
    told = (path, who, answer.request.url, answer.request.content[:500])
    assert answer.status_code < 500 or (path, answer.status_code) == (NOT_YET, 503), told
    for inside in ("Traceback", 'File "', "sqlalchemy", "lqmodel.web"):
        assert inside not in answer.text, told
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS, told
    assert answer.headers["cache-control"] == "no-store", told
    if not who and path not in ("/", "/login"):
        to_login = answer.status_code == 303 and answer.headers["location"] == "/login"
        assert to_login or answer.status_code in (401, 403), told


@pytest.mark.parametrize("who", ["", "ann", "ada"])
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_no_request_breaks_a_route(site: Site, method: str, path: str, who: str) -> None:
    client = signed(site, who)
    csrf = hidden(client.get("/handoffs").text, "csrf") if who else "none"
    operation = schemathesis.openapi.from_dict(site.app.openapi())[path][method]
    modes = schemathesis.GenerationMode
    drawn = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in modes))

    @seed(0)
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(
        case=drawn, put=st.dictionaries(FIELDS, VALUES, max_size=5), ours=st.booleans(), good=st.booleans()
    )
    def send(case: schemathesis.Case, put: dict[str, str], ours: bool, good: bool) -> None:
        put = {**GOOD, **put} if good else put
        query = {**case.query, **put} if isinstance(case.query, dict) and method == "GET" else case.query
        body: Any = case.body if isinstance(case.body, dict) else {}
        body = {**body, **put, **({"csrf": csrf} if ours else {})}
        sent = client.get(path, params=flat(query)) if method == "GET" else client.post(path, data=flat(body))
        check(sent, path, who)

    send()


def declared(operation: dict[str, Any], schemas: dict[str, Any]) -> list[str]:
    """Return the fields of a route's address and form."""
    names = [parameter["name"] for parameter in operation.get("parameters", ())]
    for kind in operation.get("requestBody", {}).get("content", {}).values():
        schema = kind["schema"]
        names += (
            schemas[schema["$ref"].rsplit("/", 1)[1]]["properties"]
            if "$ref" in schema
            else schema.get("properties", {})
        )
    return names


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_no_single_field_breaks_a_route(site: Site, method: str, path: str) -> None:
    api, client = site.app.openapi(), signed(site, "ada")
    good = {**GOOD, "csrf": hidden(client.get("/handoffs").text, "csrf")}
    names = declared(api["paths"][path][method.lower()], api["components"]["schemas"])
    for name in {*names} - {"csrf"}:
        for value in EDGES:
            sent = {key: good[key] for key in names if key in good} | {name: value}
            at = client.get(path, params=sent) if method == "GET" else client.post(path, data=sent)
            check(at, path, "ada")
    assert method == "GET" or path in ("/login", "/logout") or names


def flat(values: Any) -> dict[str, Any]:
    """Return what a form can hold: texts, and lists of them."""
    given: dict[str, Any] = values if isinstance(values, dict) else {}
    return {
        str(k): [str(v) for v in value] if isinstance(value, list) else str(value)
        for k, value in given.items()
    }
