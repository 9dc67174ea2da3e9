"""Parts of the report in words: stretches of the data, segments, what the policy means, declared features."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import sqrt
from typing import Any, Final

from lqmodel.declarations import Declarations, SalesReady
from lqmodel.intervals import DRAWS
from lqmodel.plots import percent
from lqmodel.reasons.words import clean
from lqmodel.segments import said

Json = Mapping[str, Any]

NONE: Final = "–"
OPERATORS: Final = {"eq": "", "ge": "at least ", "gt": "above ", "le": "at most ", "lt": "below "}
DIRECTIONS: Final = {"up": "more never lowers it", "down": "more never raises it", None: "free"}
UNITS: Final = {"m": "minute", "h": "hour", "d": "day", "w": "week"}
PARTS: Final = (
    ("train", "Evaluated: fitted on", "classifier and calibration that the figures judge"),
    ("test", "Evaluated: judged on", "every figure of quality; unseen until then"),
    (
        "shipped",
        "Shipped: fitted on",
        "the same recipe, fitted again on everything: this model is in the bundle",
    ),
)
"""Key in metrics.json, name, and meaning."""
VERDICTS: Final = {
    "as predicted": "as predicted",
    "higher": "more than predicted",
    "lower": "less than predicted",
    "too few": "too few to say",
}


@dataclass(frozen=True)
class Cell:
    """A figure and its interval, worded; ``span`` is empty where there is none."""

    value: str
    span: str = ""


@dataclass(frozen=True)
class Row:
    """One line of a table: a heading, what it means, and its cells."""

    name: str
    cells: tuple[Cell, ...]
    hint: str = ""


@dataclass(frozen=True)
class SegmentRow:
    """One segment; ``ends`` are predicted, observed, low and high as places on a strip, in percent.

    ``level`` is "warn" where it lies apart even with all segments counted, "note" where on its own, else empty.
    """

    name: str
    counts: Json
    predicted: str
    observed: Cell
    verdict: str
    level: str
    ends: tuple[float, float, float, float]


@dataclass(frozen=True)
class Part:
    """A stretch of the data; ``left`` and ``width`` place it on the time line, in percent."""

    name: str
    hint: str
    counts: Json
    left: float
    width: float


def method(declarations: Declarations) -> str:
    """Name the method of every interval."""
    unit = "accounts (leads where there is none)" if declarations.model.population.account else "leads"
    return f"percentiles of {DRAWS} cluster-bootstrap draws of whole {unit}"


def length(text: str) -> str:
    """Write a duration of a declaration in words.

    >>> length("60d"), length("1d"), length("ever")
    ('60 days', '1 day', 'ever')
    """
    if text[-1] not in UNITS or not text[:-1].isdigit():
        return text
    return f"{text[:-1]} {UNITS[text[-1]]}{'' if text[:-1] == '1' else 's'}"


def cell(estimate: Json | None, form: str) -> Cell:
    """Word a figure with its interval, with true minus signs."""
    if estimate is None or estimate["value"] is None:
        return Cell(NONE)
    write: Callable[[float], str] = percent if form == "percent" else form.format
    value, low, high = (write(estimate[k]).replace("-", "−") for k in ("value", "low", "high"))
    return Cell(value, f"{low} to {high}" if estimate["low"] < estimate["high"] else "")


def policy_rows(solved: Json, handed: Json | None, declarations: Declarations) -> Iterator[Row]:
    """Say what the thresholds mean; ``solved`` and ``handed`` hold a policy and the volume that it gave when replayed."""
    if not solved:
        return
    policy, stages = solved["policy"], declarations.model.stages
    volume = handed or solved["volume"]
    titles = {f.name: f.title for f in (*declarations.features, *declarations.facts)}
    notes = " ".join(f"{note[:1].upper()}{note[1:]}." for note in solved.get("notes", ()))
    over = (
        f"mean over {volume['weeks']:.0f} held-out weeks{_runs(declarations)}; a lead counts at its first handoff"
        if volume
        else ""
    )
    lines = [
        ("MQL from", percent(policy["mql"]["probability"]), "marketing nurtures; as declared"),
        (
            "Sales-ready from",
            percent(policy["sales_ready"]["probability"]),
            f"handed to sales; {_rule(stages.sales_ready)}. {notes}".strip().removesuffix("."),
        ),
        (
            f"By {titles.get(policy.get('per') or '', '')}",
            ", ".join(
                f"{level} {percent(bar['probability'])}" for level, bar in policy.get("levels", {}).items()
            ),
            "solved for each level apart",
        ),
        ("First handoffs a week", f"{volume['per_week']:.1f}" if volume else "", over),
        (
            "Backlog",
            f"{volume['backlog']:,} leads" if volume else "",
            "handed over at once when the policy begins",
        ),
    ]
    lines += [
        (name, ", ".join(titles.get(fact, fact) for fact in policy.get(key, ())), hint)
        for name, key, hint in (
            ("At any probability", "promote_any", "these acts alone make a lead sales-ready"),
            (
                "Needed for the threshold",
                "require_any",
                "one of these, or the probability hands nothing over",
            ),
            ("MQL at any probability", "nurture_any", "these acts alone make an MQL, and no more"),
            ("Kept from sales", "block", "while one of these holds"),
            ("Needed for SQL", "require", f"after {policy['sql_after']}"),
        )
    ]
    bar = f"below {policy['below_ratio']:.0%} of the threshold for {length(stages.demotion.duration.text)}"
    lines.append(("Falls back", bar, "so that a lead near the threshold does not flicker"))
    yield from (Row(name, (Cell(text),), hint) for name, text, hint in lines if text)


def _runs(declarations: Declarations) -> str:
    every = declarations.model.replayed_every
    if every is None:
        return ""
    days = round(every.days)
    return f" with a run {({1: 'each day', 7: 'each week'}).get(days, f'every {days} days')}"


def _rule(ready: SalesReady) -> str:
    """Say where the threshold of sales-ready comes from."""
    if ready.capacity is not None:
        asked = ready.capacity.per_week
        each = asked if isinstance(asked, int) else sum(n for _, n in asked)
        return f"solved for at most {each:,} first handoffs a week"
    if ready.precision is not None:
        return f"solved so that the lower bound of the share won is {percent(ready.precision)}"
    return "as declared" if ready.value is None else "solved for the most value"


def stretches(metrics: Json) -> Iterator[Part]:
    """Yield the stretches of the data: fitted on, judged on, shipped."""
    held = [(name, hint, metrics[key]) for key, name, hint in PARTS if key in metrics]
    spans = [[_seconds(p["first"]), _seconds(p["last"])] if p["first"] else [0.0, 0.0] for _, _, p in held]
    start = min(first for first, _ in spans)
    whole = max(1.0, max(last for _, last in spans) - start)
    for (name, hint, part), (first, last) in zip(held, spans, strict=True):
        left, width = 100 * (first - start) / whole, 100 * (last - first) / whole
        yield Part(name, hint, part, round(left, 2), round(width, 2))


def evaluated_and_shipped(metrics: Json) -> tuple[str, ...]:
    """Say what the figures are of, and what is in the bundle; nothing where the metrics do not hold all parts."""
    if not all(key in metrics for key, _, _ in PARTS):
        return ()
    fitted, judged, shipped = (_part(metrics[key]) for key, _, _ in PARTS)
    return (
        f"The recipe, fitted on {fitted} and judged on {judged}. Every figure of quality here is of this fit.",
        f"The same recipe, fitted again on {shipped}. No figure here is of this fit: nothing is left that it has not seen.",
    )


def _part(part: Json) -> str:
    won = f" ({part['won_leads']:,} won)" if "won_leads" in part else ""
    days = (day(part[end]).replace("-", "\N{NON-BREAKING HYPHEN}") for end in ("first", "last"))
    when = " of {} to {}".format(*days) if part["first"] else ""
    return f"{part['leads']:,} leads{won}{when}"


def explained(measured: Json | None) -> str:
    """Say on how much the families were measured; nothing where the metrics do not tell."""
    if not measured:
        return ""
    n, of = measured["snapshots"], measured["of"]
    part = f"{n:,} of the {of:,}" if n < of else f"all {n:,}"
    return f"Measured on {part} held-out snapshots, {measured['wins']:,} of them won."


def segment_tables(found: Json) -> Iterator[tuple[str, tuple[SegmentRow, ...]]]:
    """Yield each category with its segments; ``found`` as ``segments`` in a bundle's metrics.json."""
    rows = [s for column in found["columns"] for s in column["segments"]]
    reach = max((sqrt(max(s["predicted"], s["observed"]["high"])) for s in rows), default=0.0) or 1.0

    def place(rate: float) -> float:
        return round(100 * sqrt(rate) / reach, 2)

    for column in found["columns"]:
        yield (
            column["title"],
            tuple(
                SegmentRow(
                    name=clean(said(s["level"], s["pooled"])),
                    counts=s,
                    predicted=percent(s["predicted"]),
                    observed=cell(s["observed"], "percent"),
                    verdict=VERDICTS[s["verdict"]],
                    level="warn" if s["sure"] else "note" if s["verdict"] in ("higher", "lower") else "",
                    ends=(place(s["predicted"]), *_ends(s["observed"], place)),
                )
                for s in column["segments"]
            ),
        )


def _ends(observed: Json, place: Callable[[float], float]) -> tuple[float, float, float]:
    return place(observed["value"]), place(observed["low"]), place(observed["high"])


def segments_said(found: Json, declared: bool) -> str:
    """Say how many segments lie apart, and how many chance alone would give."""
    n, apart = found["looked_at"], found["apart"]
    if not n:
        return "No segment is large enough to say more than all together."
    sure = sum(s["sure"] for column in found["columns"] for s in column["segments"])
    by_chance = max(1, round(found["by_chance"]))
    lead = (
        f"{n:,} segments are large enough for a verdict. {_few(apart)} from what was predicted; chance alone would "
        f"give about {by_chance}. "
    )
    if apart:
        lead += f"With all {n:,} counted together, {'none does' if not sure else f'{sure:,} still does' if sure == 1 else f'{sure:,} still do'}."
    if not declared:
        lead += " None are declared, so these are the categories that weigh most in the model."
    return lead.rstrip()


def _few(n: int) -> str:
    return "None lies apart" if n == 0 else "One lies apart" if n == 1 else f"{n:,} lie apart"


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def feature_rows(declarations: Declarations) -> dict[str, tuple[Row, ...]]:
    """Return feature file with its kind → verb, source, windows and direction of its features."""
    rows: dict[str, list[Row]] = {}
    for declared in (*declarations.features, *declarations.facts):
        gate = "" if declared.file in declarations.model.features else ", not learnt from"
        if gate and declared.name in declarations.model.stages.facts():
            gate = ", gates only"
        feature = declared.feature
        windows = ", ".join(length(c.window.text) for c in declared.columns() if c.window) or NONE
        texts = (feature.verb, feature.source, windows, DIRECTIONS[feature.direction])
        row = Row(declared.title, tuple(map(Cell, texts)))
        rows.setdefault(f"{declared.file} ({declared.kind}{gate})", []).append(row)
    return {file: tuple(found) for file, found in rows.items()}


def day(moment: str | None) -> str:
    """Return the day of an ISO moment; a dash without one."""
    return moment[:10] if moment else NONE
