"""The report: whole, true to the numbers, harmless, and the same for equal input."""

from __future__ import annotations

import html
import json
import re
import xml.etree.ElementTree as ET
from copy import deepcopy
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest

from lqmodel.canvas import GREEN
from lqmodel.declarations import Declarations, ProjectFiles
from lqmodel.evaluation import evaluate, paired_difference
from lqmodel.plots import figures, percent
from lqmodel.reasons.drawing import BLUE, GREY, ORANGE
from lqmodel.reasons.swarm import SHOWN
from lqmodel.report import FIGURES, NO_CLOCK, length, page, render

ROOT = Path(__file__).parents[1]
EVIL = "<img src=x onerror=alert(1)> & \"$x^2$\" 'q' \x01 見込み客"
VOID = {"meta", "link", "br", "img", "hr", "input"}
RIVALS = ("base rate", "points rule", "logistic regression")


def judged(base: float, rows: int = 1_500) -> dict[str, Any]:
    """Figures of a synthetic model and its baselines at a base rate on the logit."""
    rng = np.random.default_rng(7)
    truth = base + 1.3 * rng.normal(size=rows)
    won = (rng.random(rows) < 1 / (1 + np.exp(-truth))).astype(float)
    leads = rng.integers(rows // 3, size=rows)
    noise = {"model": 0.3, "base rate": 0.0, "points rule": 1.0, "logistic regression": 0.7}
    p = {k: 1 / (1 + np.exp(-truth - s * rng.normal(size=rows))) for k, s in noise.items()}
    p["base rate"] = np.full(rows, won.mean())
    bands = {"mql": 0.05, "sales_ready": 0.17}

    def plain(estimate: Any) -> dict[str, float]:
        return {k: round(getattr(estimate, k), 6) for k in ("value", "low", "high")}

    judged = {k: evaluate(won, v, leads, leads, bands, draws=20).to_json() for k, v in p.items()}
    against = {k: paired_difference(won, p["model"], p[k], leads, draws=20) for k in RIVALS}
    return {
        "quality": judged["model"],
        "baselines": {k: judged[k] for k in RIVALS},
        "differences": {k: {"log_loss": plain(d.log_loss), "auc": plain(d.auc)} for k, d in against.items()},
    }


def complete(figures_of: dict[str, Any], dated: bool = True) -> dict[str, Any]:
    """Add the parts that a training adds."""
    names = [("pricing_visits", "pricing visits", "engagement"), ("employees", "company size", "fit")]
    names += [(f"act_{i}", f"act {i}", "engagement") for i in range(SHOWN)]
    quality = figures_of["quality"]

    def part(first: str, last: str, snapshots: int) -> dict[str, Any]:
        counts = {"snapshots": snapshots, "leads": 432, "wins": 91}
        return counts | ({"first": first, "last": last} if dated else {"first": None, "last": None})

    bar = {"margin": -2.0, "kept_margin": -2.2}
    policy = {
        "mql": {"probability": 0.05, **bar},
        "sales_ready": {"probability": 0.1734, **bar},
        "below_ratio": 0.8,
        "demote_after": 604_800_000_000,
        "promote_any": ["asked_for_demo"],
        "block": ["unsubscribed"],
        "accepted": [],
        "require": [],
        "sql_after": "acceptance",
        "zone": "UTC",
    }
    volume = {"per_week": 38.24, "backlog": 131, "weeks": 17.0} if dated else None
    losses = {"constant": 0.1632, "identity": 0.14127, "platt": 0.1411, "isotonic": 0.1431}
    candidates = [
        {"name": k, "log_loss": v, "standard_error": 0.004, "excess": v - 0.1411, "excess_se": 0.00012}
        for k, v in losses.items()
    ]
    finding = {"level": "warn", "rule": "strong", "name": "last_visit", "where": "features/momentum.toml"}
    return {
        **figures_of,
        "families": [
            {
                "name": n,
                "title": t,
                "kind": k,
                "weight": 6 / (i + 10),
                "up": 4 / (i + 10),
                "down": -2 / (i + 10),
            }
            for i, (n, t, k) in enumerate(names)
        ],
        "calibration": {"chosen": "platt", "candidates": candidates},
        "policy": {"policy": policy, "volume": volume},
        "train": part("2025-01-06T00:00Z", "2026-01-26T00:00Z", 28_123),
        "test": part("2026-03-30T00:00Z", "2026-07-20T00:00Z", quality["snapshots"]),
        "shipped": part("2025-01-06T00:00Z", "2026-07-20T00:00Z", 38_123),
        "warnings": [],
        "audit": {"findings": [finding | {"message": "ranks alone", "do": "look at it"}], "figures": []},
        "notices": ["source 'events': observed_from taken from its first fact"],
    }


RARE, COMMON = judged(-3.9), judged(-0.5)


@pytest.fixture(scope="module")
def declarations() -> Declarations:
    raw = ProjectFiles.read(ROOT).declarations().to_json()
    raw["model"]["label"]["horizon"] = "60d"
    raw["model"]["stages"]["sales_ready"]["capacity"] = {"per_week": 40}
    raw["model"]["agreement"] = {"version": "2026-01", "sales_ready_means": "as many as sales can call"}
    return Declarations.from_json(raw)


@pytest.fixture
def metrics() -> dict[str, Any]:
    return deepcopy(complete(RARE))


def clockless(declarations: Declarations) -> Declarations:
    """Return declarations of one flat table with a label column."""
    leads = {"uri": "leads.csv", "key": "id"}
    feature = {"source": "leads", "verb": "attribute", "column": "size", "dtype": "number"}
    model = {
        "features": ["who"],
        "label": {"source": "leads", "where": {"bought": "yes"}},
        "stages": {"mql": {"at_least": 0.05}, "sales_ready": {"at_least": 0.17}},
    }
    files = {"who": {"kind": "fit", "size": feature}}
    return Declarations.from_json(
        {"name": "flat", "sources": {"leads": leads}, "features": files, "model": model}
    )


class Reader(HTMLParser):
    """Collects tags, attributes and text; refuses tags that do not close in order."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


def text_of(page: str) -> str:
    return " ".join(" ".join(read(page).texts).split())


def test_every_section_is_there(declarations: Declarations, metrics: dict[str, Any]) -> None:
    found = render(declarations, metrics, "# The card", "0f3a9bc11d22")
    ids = re.findall(r'<section id="([a-z]+)">', found)
    wanted = "baselines reliability gains bands families policy calibration audit data agreement words card"
    assert ids == wanted.split()
    assert next(t for t in read(found).tags if t in ("h1", "h2")) == "h1"
    targets = re.findall(r'<a href="#([a-z]+)">', found)
    assert targets == ids[:-1]  # the card needs no link
    for part in (
        "bundle 0f3a9bc11d22",
        declarations.fingerprint()[:12],
        "# The card",
        "within 60 days",
        "2026-01",
    ):
        assert part in text_of(found)


def test_the_headline_says_what_a_manager_asks(declarations: Declarations, metrics: dict[str, Any]) -> None:
    top = metrics["quality"]["bands"][-1]
    top["observed"] = {"value": 0.312, "low": 0.271, "high": 0.353}
    metrics["quality"]["base_rate"] = {"value": 0.0402, "low": 0.036, "high": 0.045}
    shown = page(declarations, metrics)
    assert shown.headline == (
        "Of 100 leads in the sales-ready band, about 31 were won within 60 days; "
        "picked at random it would be about 4."
    )
    assert shown.asides[0] == "The 95% interval of that share is 27.1% to 35.3%."
    metrics["quality"]["base_rate"]["value"] = 0.0031
    assert page(declarations, metrics).headline.startswith(
        "Of 1,000 leads in the sales-ready band, about 312"
    )
    top["observed"]["low"] = 0.002
    assert "not shown to be better than chance" in " ".join(page(declarations, metrics).asides)
    top["observed"] = top["predicted"] = None
    shown = page(declarations, metrics)
    assert shown.headline.startswith("Of 1,000 leads in the MQL band")
    assert "No held-out lead reached the sales-ready band." in shown.asides
    metrics["quality"]["bands"][1] |= {"observed": None, "predicted": None}
    shown = page(declarations, metrics)
    assert shown.headline == "All held-out leads lie below MQL: 0.31% of them were won within 60 days."
    assert "chance" not in " ".join(shown.asides)


def test_a_capacity_that_cannot_be_kept_is_told(declarations: Declarations, metrics: dict[str, Any]) -> None:
    def hint() -> str:
        return {row.name: row.hint for row in page(declarations, metrics).policy}["Sales-ready from"]

    assert hint() == "handed to sales; solved for at most 40 first handoffs a week"
    metrics["policy"]["notes"] = ["hand-raisers alone are 55 first handoffs a week"]
    assert hint() == (
        "handed to sales; solved for at most 40 first handoffs a week. "
        "Hand-raisers alone are 55 first handoffs a week"
    )


def test_figures_equal_the_json(declarations: Declarations, metrics: dict[str, Any]) -> None:
    found = text_of(render(declarations, metrics))
    forms = {
        "log_loss": "{:.4f}",
        "auc": "{:.3f}",
        "brier": "{:.4f}",
        "ece": "percent",
        "lift_at_10": "{:.2f}",
    }
    assert [key for key, *_ in FIGURES] == list(forms)
    for quality in (metrics["quality"], *metrics["baselines"].values()):
        for key, form in forms.items():
            write = percent if form == "percent" else form.format
            value, low, high = (write(quality[key][end]) for end in ("value", "low", "high"))
            assert (f"{value} {low} to {high}" if low < high else value) in found
    for d in metrics["differences"].values():
        assert f"{d['log_loss']['value']:+.4f}".replace("-", "−") in found
        assert f"{d['auc']['low']:+.3f} to {d['auc']['high']:+.3f}".replace("-", "−") in found
    for b in metrics["quality"]["bands"]:
        o = b["observed"]
        row = f"{percent(b['predicted'])} {percent(o['value'])} {percent(o['low'])} to {percent(o['high'])}"
        assert f"{row} {b['snapshots']:,} {b['leads']:,} {b['wins']:,}" in found
    for point in metrics["quality"]["gains"]:
        assert (
            f"{point['share']:.0%} {percent(point['wins'])} lift {point['wins'] / point['share']:.2f}"
            in found
        )
    for family in metrics["families"]:
        moves = f"{family['weight']:.4f} {family['up']:.4f} {-family['down']:.4f}"
        assert f"{family['title']} {family['kind']} {moves}" in found
    for part in (
        "38.2",
        "131 leads",
        "mean over 17 held-out weeks",
        "17.3%",
        "platt (chosen) 0.14110",
        "28,123",
    ):
        assert part in found


@pytest.mark.parametrize(
    ("low", "high", "said"), [(-2, -1, "better"), (-1, 1, "cannot be told"), (1, 2, "worse")]
)
def test_verdicts_follow_the_interval(
    declarations: Declarations, metrics: dict[str, Any], low: float, high: float, said: str
) -> None:
    metrics["differences"]["points rule"]["log_loss"] = {"value": (low + high) / 2, "low": low, "high": high}
    verdicts = {row.name: row.cells[-1].value for row in page(declarations, metrics).rivals}
    assert said in verdicts["points rule"]
    beaten = next((a for a in page(declarations, metrics).asides if "beat these baselines" in a), "")
    assert ("points rule" in beaten) == (said == "better")


def test_warnings_come_before_the_headline(declarations: Declarations, metrics: dict[str, Any]) -> None:
    calm = render(declarations, metrics)
    assert "Read this first" not in calm
    metrics["warnings"] = ["the model does not beat the points rule"]
    found = text_of(render(declarations, metrics))
    assert found.index("does not beat the points rule") < found.index("leads in the sales-ready band")


def test_without_a_clock(declarations: Declarations) -> None:
    metrics = complete(deepcopy(COMMON), dated=False)
    metrics["policy"]["policy"] |= {"promote_any": [], "block": []}
    found = text_of(render(clockless(declarations), metrics))
    assert NO_CLOCK in found
    assert "how the model ages" in NO_CLOCK
    assert "always known" in NO_CLOCK
    for absent in ("moment of scoring", "None", "comes after training in time", "1970", "held-out weeks"):
        assert absent not in found
    assert "bought is yes" in found


def test_parts_that_the_metrics_lack_are_left_out(
    declarations: Declarations, metrics: dict[str, Any]
) -> None:
    for key in ("families", "calibration", "policy", "train", "shipped", "audit"):
        del metrics[key]
    found = render(declarations, metrics)
    read(found)
    assert not {"families", "policy", "calibration", "audit", "card"} & set(
        re.findall(r'id="([a-z]+)"', found)
    )
    assert "families.svg" not in figures(metrics)


def test_empty_bands_and_unknown_figures(declarations: Declarations, metrics: dict[str, Any]) -> None:
    metrics["quality"]["bands"][1] |= {
        "predicted": None,
        "observed": None,
        "snapshots": 0,
        "leads": 0,
        "wins": 0,
    }
    metrics["baselines"]["base rate"]["auc"] = {"value": None, "low": None, "high": None}
    found = text_of(render(declarations, metrics))
    assert "MQL 5.0% to 17.0% – – 0 0 0" in found
    assert "no held-out snapshot" in found


def test_everything_is_escaped(declarations: Declarations, metrics: dict[str, Any]) -> None:
    metrics["families"][0]["title"] = EVIL
    metrics["warnings"], metrics["notices"] = [EVIL], [EVIL]
    metrics["audit"]["findings"][0] |= dict.fromkeys(("name", "where", "message", "do"), EVIL)
    metrics["baselines"][EVIL] = metrics["baselines"].pop("points rule")
    metrics["differences"][EVIL] = metrics["differences"].pop("points rule")
    raw = declarations.to_json()
    raw["features"]["engagement"]["visits"]["title"] = EVIL
    raw["model"]["agreement"]["sales_ready_means"] = EVIL
    raw["model"]["label"]["where"]["outcome"] = EVIL
    metrics |= explained(metrics["families"])
    found = render(Declarations.from_json(raw), metrics, EVIL, EVIL)
    reader = read(found)
    assert "img" not in reader.tags
    assert not [name for name, _ in reader.attributes if name.startswith("on")]
    assert html.escape(EVIL.split(" & ")[0]) in found
    for svg in figures(metrics).values():
        assert {e.tag.rpartition("}")[2] for e in ET.fromstring(svg).iter()}.isdisjoint({"img", "script"})


def test_nothing_is_loaded_and_nothing_runs(declarations: Declarations, metrics: dict[str, Any]) -> None:
    found = render(declarations, fuller(metrics), "# card")
    reader = read(found)
    assert not {"script", "iframe", "object", "embed", "img", "base", "form"} & set(reader.tags)
    assert set(re.findall(r"https?://[^\"'\s<>]+", found)) <= {"http://www.w3.org/2000/svg"}
    loading = [
        v or "" for name, v in reader.attributes if name in ("src", "href", "srcset", "data", "action")
    ]
    assert all(v.startswith("#") or v == "data:," for v in loading)
    assert "@import" not in found
    assert set(re.findall(r"url\((.)", found)) <= {"#"}


def test_ids_are_unique_and_references_hold(declarations: Declarations, metrics: dict[str, Any]) -> None:
    reader = read(render(declarations, fuller(metrics)))
    ids = [v for name, v in reader.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    wanted = [v[1:] for name, v in reader.attributes if name == "href" and v and v.startswith("#")]
    wanted += [m for _, v in reader.attributes for m in re.findall(r"url\(#([^)]+)\)", v or "")]
    wanted += [i for name, v in reader.attributes if name == "aria-labelledby" for i in (v or "").split()]
    assert set(wanted) <= set(ids)


def test_tables_and_images_can_be_heard(declarations: Declarations, metrics: dict[str, Any]) -> None:
    metrics = fuller(metrics)
    assert {"swarm.svg", "typical.svg"} <= set(figures(metrics))
    found = render(declarations, metrics)
    assert all("scope=" in tag for tag in re.findall(r"<th\b[^>]*>", found))
    assert found.count('role="img"') == found.count("<svg") == len(figures(metrics))
    for svg in figures(metrics).values():
        tags = [child.tag.rpartition("}")[2] for child in ET.fromstring(svg)]
        assert tags[:2] == ["title", "desc"]
    o = metrics["quality"]["bands"][-1]["observed"]
    spoken = figures(metrics)["bands.svg"].decode()
    assert f"observed {percent(o['value'])} ({percent(o['low'])} to {percent(o['high'])})" in spoken


def test_equal_input_gives_equal_bytes(declarations: Declarations, metrics: dict[str, Any]) -> None:
    first = render(declarations, metrics, "# card", "abc"), figures(metrics)
    with matplotlib.rc_context({"font.size": 20, "lines.linewidth": 7, "svg.fonttype": "path"}):
        second = render(declarations, deepcopy(metrics), "# card", "abc"), figures(deepcopy(metrics))
        assert matplotlib.rcParams["font.size"] == 20
    assert first == second
    stored = json.loads(json.dumps(metrics, sort_keys=True))  # as a bundle's folder gives it back
    assert (render(declarations, stored, "# card", "abc"), figures(stored)) == first
    for svg in first[1].values():
        assert b"<metadata" not in svg
        assert not re.search(rb"<style[^>]*>\s*\*", svg)  # inside a page such a rule would hold for all of it
        assert b"date" not in svg.lower()


@pytest.mark.parametrize("judged", [RARE, COMMON], ids=["rare", "common"])
def test_points_stand_where_the_figures_say(judged: dict[str, Any]) -> None:
    """The circles of the reliability figure lie on one straight map from square roots to the page."""
    drawn = ET.fromstring(figures(judged)["reliability.svg"])
    ns = "{http://www.w3.org/2000/svg}"
    at = [
        (float(u.get("x", "")), float(u.get("y", "")))
        for u in drawn.iter(f"{ns}use")
        if BLUE in (u.get("style") or "")
    ]
    bands = judged["quality"]["reliability"]
    assert len(at) == len(bands)
    for drawn_at, said in (
        ([x for x, _ in at], [b["predicted"] for b in bands]),
        ([-y for _, y in at], [b["observed"]["value"] for b in bands]),
    ):
        slope, start = np.polyfit(np.sqrt(said), drawn_at, 1)
        assert slope > 0
        np.testing.assert_allclose(slope * np.sqrt(said) + start, drawn_at, atol=0.01)
    labels = [t.text for t in drawn.iter(f"{ns}text") if t.text and t.text.endswith("%")]
    assert len(labels) >= 8  # of two axes: enough to read small rates and large ones


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("colour", [BLUE, ORANGE, GREEN, GREY])
@pytest.mark.parametrize("paper", ["#ffffff", "#16181c"])
def test_colours_can_be_seen_on_light_and_dark(colour: str, paper: str) -> None:
    light, dark = sorted((luminance(colour), luminance(paper)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 3


@pytest.mark.parametrize(
    ("text", "words"), [("1h", "1 hour"), ("36h", "36 hours"), ("2w", "2 weeks"), ("ever", "ever")]
)
def test_lengths_in_words(text: str, words: str) -> None:
    assert length(text) == words


# ── segments, won against lost, first handoffs ──────────────────────────────────────────────────────────────


def estimate(value: float, low: float, high: float) -> dict[str, float]:
    return {"value": value, "low": low, "high": high}


def segment(level: str | None, observed: float, **changed: Any) -> dict[str, Any]:
    usual = {
        "level": level,
        "pooled": 0,
        "snapshots": 1_234,
        "leads": 321,
        "wins": 45,
        "predicted": 0.04,
        "observed": estimate(observed, observed / 2, observed * 1.5),
        "p_value": 0.4,
        "verdict": "as predicted",
        "sure": False,
    }
    return usual | changed


def contrast(column: str, level: str | None = None, **changed: Any) -> dict[str, Any]:
    side = {"leads": 412, "low": 1.0, "middle": 3.0, "high": 6.0, "share": estimate(0.62, 0.58, 0.66)}
    usual = {
        "family": column,
        "column": column,
        "kind": "engagement" if level is None else "fit",
        "level": level,
        "bar": "any" if level is None else "is",
        "at": 0.0 if level is None else None,
        "won": side,
        "others": {
            **side,
            "leads": 9_310,
            "low": 0.0,
            "middle": 0.0,
            "high": 1.0,
            "share": estimate(0.18, 0.17, 0.19),
        },
        "apart": estimate(0.56, 0.5, 0.6),
        "lift": None if level is None else estimate(3.4, 3.0, 3.9),
    }
    return usual | changed


def explained(families: list[dict[str, Any]]) -> dict[str, Any]:
    """Add what a fit tells of held-out snapshots: of every third family the gain lies above zero, of the last below."""

    def measured(i: int, family: dict[str, Any]) -> dict[str, Any]:
        gain, reach = 0.004 / (i + 1), 0.003 if i % 3 == 0 else 0.007
        low, high = (-0.002, -0.001) if i == len(families) - 1 else (gain * (1 - reach / 0.005), gain + reach)
        ends = {"weight_low": 0.9 * family["weight"], "weight_high": 1.1 * family["weight"]}
        gains = {"gain": (low + high) / 2, "gain_low": low, "gain_high": high}
        return family | ends | gains | {"seen": 0.005 if i == 1 else 0.4}

    told = [measured(i, family) for i, family in enumerate(families)]
    clusters = [
        {
            "name": f["name"],
            "title": f["title"],
            "of": f["title"],
            "bins": [-3, 0, 8],
            "low": [40, 10, 0],
            "middle": [0, 100, 0],
            "high": [0, 3, 30],
            "other": [0, 0, 7],
        }
        for f in families[:SHOWN]
    ]
    effects = {f["name"]: f["up"] + f["down"] for f in families}
    return {
        "families": told,
        "importance": {
            "snapshots": 1_200,
            "of": 1_500,
            "groups": 400,
            "wins": 61,
            "level": 0.9,
            "gain": estimate(0.02, 0.015, 0.025),
        },
        "swarm": {"step": 0.05, "clusters": clusters},
        "typical": {"band": "sales_ready", "snapshots": 210, "base": -3.2, "effects": effects},
    }


def fuller(metrics: dict[str, Any], level: str = "DE") -> dict[str, Any]:
    """Add what later parts of a training add."""
    rows = [
        segment(level, 0.05),
        segment("AT", 0.001, verdict="lower", sure=True),
        segment(None, 0.07, pooled=4, verdict="higher"),
        segment(None, 0.02, verdict="too few"),
    ]
    columns = [{"name": "country", "title": "country", "segments": rows}]
    won_lost = {
        "won": 412,
        "others": 9_310,
        "snapshots": 88_000,
        "unmatched": 2,
        "days": 3.6,
        "contrasts": [
            contrast("pricing_visits_30d"),
            contrast("country", level),
            contrast("country", "AT", apart=estimate(0.01, -0.02, 0.03)),
        ],
        "rare": [["referral_90d", 1], ["country", 3]],
        "unmeasured": [{"column": "revenue", "won": 0.28, "others": 0.24}],
    }
    handed = {"leads": 688, "backlog": 169, "weeks": 17.0, "per_week": 40.47, "wins": 63}
    parts = {key: metrics[key] | {"won_leads": 77} for key in ("train", "test", "shipped")}
    return {
        **metrics,
        **parts,
        **explained(metrics["families"]),
        "segments": {"columns": columns, "looked_at": 3, "apart": 2, "by_chance": 0.15, "inflation": 6.5},
        "won_lost": won_lost,
        "first_handoffs": {**handed, "predicted": 0.0857, "observed": estimate(0.0916, 0.0717, 0.1132)},
    }


def test_segments_and_won_against_lost_have_their_sections(
    declarations: Declarations, metrics: dict[str, Any]
) -> None:
    found = render(declarations, fuller(metrics))
    ids = re.findall(r'<section id="([a-z]+)">', found)
    wanted = "baselines reliability segments gains bands wonlost families tracking policy calibration audit data agreement"
    assert ids == [*wanted.split(), "words"]
    assert re.findall(r'<a href="#([a-z]+)">', found) == ids
    text = text_of(found)
    for part in (
        "3 segments are large enough for a verdict. 2 lie apart from what was predicted; chance alone would give about 1.",
        "With all 3 counted together, 1 still does.",
        "AT 4.0% 0.10% 0.050% to 0.15% less than predicted 321 1,234 45 won",
        "other (4 levels) 4.0% 7.0% 3.5% to 10.5% more than predicted",
        "not known 4.0% 2.0% 1.0% to 3.0% too few to say",
        "412 winners , each at its last snapshot before the win (half of them at most 4 days before it was known)",
        "9,310 others : leads that were open in the same weeks and were not won within 60 days",
        "2 winners had nobody beside them",
        "visits to the pricing page in the last 30 days winners 3 (1 to 6), others 0 (0 to 1)",
        "any: 62% of winners, 18% of others 78 of 100 pairs 75 to 80",
        "country: DE 62% of winners, 18% of others lift 3.4 3 to 3.9",
        "1 more, closer together or not told apart country: AT",
        "Fewer than ten winners, seen and expected: referrals in the last 90 days; 3 levels of country.",
        "yearly revenue: not known for 28% of winners and 24% of others",
        "Measured on 1,200 of the 1,500 held-out snapshots, 61 of them won.",
        "Of 14 families 5 are shown to matter, pricing visits, act 1 and act 4 before all.",
        "For 8 it cannot be told from chance. 1 did harm. Chance alone would clear about 1 of 14 idle ones",
        "pricing visits engagement 21.5% 8.0% to 35.0% 40.0%",
        "These did harm: 1",
        "Hardly recorded: 1 Fewer than 1.0% of the snapshots hold anything",
        "the mean of 210 held-out snapshots in the band sales-ready",
    ):
        assert part in text, part
    assert found.count('class="level level-warn"') - found.count(">warn</span>") == 1  # AT alone
    assert "NaN" not in text


def test_first_handoffs_are_the_headline(declarations: Declarations, metrics: dict[str, Any]) -> None:
    metrics = fuller(metrics)
    metrics["quality"]["base_rate"] = estimate(0.0402, 0.036, 0.045)
    shown = page(declarations, metrics)
    assert shown.headline == (
        "Sales would get about 40 leads a week. Of 100 of them, about 9 would be won within 60 days; "
        "picked at random it would be about 4."
    )
    assert shown.asides[0] == (
        "Each lead counts once, at its first handoff: 688 leads in 17 held-out weeks, 63 of them won, 8.6% predicted."
    )
    assert [t.name for t in shown.tiles][:2] == ["first handoffs a week", "of them won"]
    assert {r.name: r.cells[0].value for r in shown.policy}["First handoffs a week"] == "40.5"
    metrics["first_handoffs"]["observed"]["low"] = 0.03
    assert "these leads are not shown to be better than chance" in " ".join(
        page(declarations, metrics).asides
    )
    metrics["first_handoffs"] |= {"leads": 0, "observed": None, "predicted": None, "per_week": 0.0}
    assert "sales-ready band" in page(declarations, metrics).headline


def test_what_was_evaluated_and_what_is_shipped_stand_apart(
    declarations: Declarations, metrics: dict[str, Any]
) -> None:
    text = text_of(render(declarations, fuller(metrics)))
    evaluated, shipped = (
        text.index("Evaluated The recipe, fitted on 432 leads (77 won)"),
        text.index("Shipped The same"),
    )
    assert evaluated < shipped < text.index("Against the baselines")
    assert "No figure here is of this fit" in text
    assert text.count("percentiles of 200 cluster-bootstrap draws of whole accounts") == 2
    rows = [
        text.index(part) for part in ("Evaluated: fitted on", "Evaluated: judged on", "Shipped: fitted on")
    ]
    assert rows == sorted(rows)
    assert "2025-01-06 2026-07-20 432 77 38,123 91" in text


def test_levels_are_escaped_everywhere(declarations: Declarations, metrics: dict[str, Any]) -> None:
    found = render(declarations, fuller(metrics, EVIL))
    reader = read(found)
    assert "img" not in reader.tags
    assert not [name for name, _ in reader.attributes if name.startswith("on")]
    assert found.count(html.escape(EVIL[:28])) == 2  # a segment, and a row of winners against others
    assert "\x01" not in found


def test_without_segments_and_winners_their_sections_are_left_out(
    declarations: Declarations, metrics: dict[str, Any]
) -> None:
    metrics["segments"] = {"columns": [], "looked_at": 0, "apart": 0, "by_chance": 0.0, "inflation": 1.0}
    metrics["won_lost"] = metrics["first_handoffs"] = None
    found = render(declarations, metrics)
    assert not {"segments", "wonlost"} & set(re.findall(r'id="([a-z]+)"', found))
    assert "#segments" not in found
    assert "large enough" not in found


def test_segments_that_are_all_small_get_no_verdict(
    declarations: Declarations, metrics: dict[str, Any]
) -> None:
    metrics = fuller(metrics)
    metrics["segments"] |= {"looked_at": 0, "apart": 0, "by_chance": 0.0}
    assert "No segment is large enough" in text_of(render(declarations, metrics))


def test_fuller_pages_are_the_same_for_equal_input(
    declarations: Declarations, metrics: dict[str, Any]
) -> None:
    metrics = fuller(metrics)
    stored = json.loads(json.dumps(metrics, sort_keys=True))
    assert render(declarations, stored) == render(declarations, metrics)


def test_won_against_lost_without_a_clock(declarations: Declarations) -> None:
    metrics = fuller(complete(deepcopy(COMMON), dated=False))
    metrics["won_lost"] |= {"days": None, "contrasts": [], "rare": [], "unmeasured": []}
    metrics["policy"]["policy"] |= {"promote_any": [], "block": []}
    metrics["first_handoffs"] = None
    text = text_of(render(clockless(declarations), metrics))
    assert "412 winners against 9,310 others . The data has no clock" in text
    assert "same week" not in text
