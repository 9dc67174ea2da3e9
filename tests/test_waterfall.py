"""The waterfall: bars add up, words stay inside, nothing hostile comes through, equal input gives equal bytes."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

from lqmodel.languages import ENGLISH, NAMES, Language
from lqmodel.reasons import LeadExplanation, Reason
from lqmodel.reasons.drawing import Drawing, Words
from lqmodel.reasons.help import Help
from lqmodel.reasons.waterfall import WIDTH, Ladder, Step, draw, logit

NS = "{http://www.w3.org/2000/svg}"
EVIL = "<img src=x onerror=alert(1)>&\"'</desc></svg><script>alert(1)</script>\x1b[31m\u202e"
SHORT = 1.6  # the least that a bar is drawn long, where it has no length

LANGUAGES = [Language.of(name) for name in NAMES]
LETTERS = "aăâîșțäöüßåæø ,.%×0123456789\xa0−"
texts = st.one_of(st.text(max_size=90), st.text(LETTERS, max_size=90))
effects_ = st.floats(-4, 4)
steps = st.builds(
    Step,
    text=texts,
    log_odds=effects_,
    kind=st.sampled_from(["fit", "engagement", None]),
    note=texts,
    actionable=st.booleans(),
)


@st.composite
def ladders(draw_: st.DrawFn) -> Ladder:
    start, bars = draw_(st.floats(-12, 12)), tuple(draw_(st.lists(steps, max_size=11)))
    total = sum(step.log_odds for step in bars)
    fit = draw_(effects_)
    end = start + total
    return Ladder(
        name=draw_(texts),
        head=draw_(texts),
        under=draw_(texts),
        start=start,
        start_words=draw_(texts),
        end_words=draw_(texts),
        steps=bars,
        fit=fit,
        engagement=total - fit,
        low=end - draw_(st.floats(0, 2)),
        high=end + draw_(st.floats(0, 2)),
        language=draw_(st.sampled_from(LANGUAGES)),
    )


@cache
def font(bold: bool) -> FT2Font:
    """The widest of the usual sans-serif fonts, as a measure that is not ours."""
    found = FT2Font(
        font_manager.findfont(
            font_manager.FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal")
        )
    )
    found.set_size(100, 72)
    return found


@cache
def glyphs(face: FT2Font) -> frozenset[int]:
    return frozenset(face.get_charmap())


def width(text: ET.Element) -> float:
    if "textLength" in text.attrib:
        return float(text.attrib["textLength"])
    face = font("font-weight" in text.attrib)
    known = [face.load_char(ord(c)) for c in text.text or "" if ord(c) in glyphs(face)]
    return sum(g.linearHoriAdvance for g in known) / 65536e2 * float(text.attrib["font-size"])


def ends_of(text: ET.Element) -> tuple[float, float]:
    x, wide = float(text.attrib["x"]), width(text)
    start = {"start": x, "middle": x - wide / 2, "end": x - wide}[text.attrib.get("text-anchor", "start")]
    return start, start + wide


def bars(root: ET.Element) -> list[tuple[float, float]]:
    """Foot and point of each bar."""
    found = []
    for polygon in root.iter(f"{NS}polygon"):
        corners = [tuple(map(float, c.split(","))) for c in polygon.attrib["points"].split()]
        found.append((corners[0][0], corners[2][0]))
    return found


def end_dot(root: ET.Element) -> float:
    (dot,) = (c for c in root.iter(f"{NS}circle") if c.attrib["r"] == "4.5")
    return float(dot.attrib["cx"])


@given(ladders())
def test_each_bar_begins_where_the_one_before_ends_and_all_lead_to_the_end(ladder: Ladder) -> None:
    root = ET.fromstring(draw(ladder).svg)
    found = bars(root)
    assert len(found) == len(ladder.steps) + 2
    reasons, subtotals = found[:-2], found[-2:]
    start, end = subtotals[0][0], end_dot(root)
    for way in (reasons, subtotals):
        feet = [foot for foot, _ in way] + [end]
        points = [start] + [point for _, point in way]
        assert feet == pytest.approx(points, abs=SHORT)


@given(ladders())
def test_bars_are_as_long_as_their_log_odds(ladder: Ladder) -> None:
    root = ET.fromstring(draw(ladder).svg)
    steps_ = (*ladder.steps, *ladder.subtotals())
    drawn = [(point - foot, step.log_odds) for (foot, point), step in zip(bars(root), steps_, strict=True)]
    longest, size = max(drawn, key=lambda pair: abs(pair[1]))
    if abs(longest) < 20:  # nothing to measure with
        return
    for length, log_odds in drawn:
        assert length == pytest.approx(log_odds * longest / size, abs=SHORT + 0.2)


@given(ladders())
def test_nothing_runs_out_of_the_image(ladder: Ladder) -> None:
    drawing = draw(ladder)
    root = ET.fromstring(drawing.svg)
    assert root.attrib["viewBox"].split()[2:] == [
        f"{v:.1f}".removesuffix(".0") for v in (WIDTH, drawing.height)
    ]
    for text in root.iter(f"{NS}text"):
        left, right = ends_of(text)
        assert left >= -0.1, text.text
        assert right <= WIDTH + 0.1, text.text
        assert 0 < float(text.attrib["y"]) < drawing.height
    for foot, point in bars(root):
        assert min(foot, point) >= 0
        assert max(foot, point) <= WIDTH


@given(st.text(max_size=300), st.floats(30, 400), st.integers(1, 3), st.booleans())
def test_text_is_cut_to_its_place(text: str, room: float, most: int, bold: bool) -> None:
    words = Words(13.0, bold=bold)
    lines = words.fitted(text, room, most)
    assert len(lines) <= most
    for line in lines:
        assert words.width(line) <= room
    whole = "".join(text.split())
    if lines and not lines[-1].endswith("…") and whole.isprintable():
        assert "".join("".join(lines).split()) == whole  # what is not cut is all there


@pytest.mark.parametrize("bold", [False, True])
def test_widths_are_those_of_a_wide_font_or_more(bold: bool) -> None:
    measured = Words(100.0, bold=bold)
    sentences = [
        "17 minutes on the site in the last 7 days (usually 0 seconds to 7 minutes)",
        "Käufer füllte ein Formular über große Maßstäbe aus, zuletzt vor 4 Tagen",
        "ultima vizită astăzi, țară necunoscută; șase ședințe în ultimele 30 de zile",
        "siste besøk i går, åpnet e-post på lørdag",
        "WWW.MMMMWWW.COM %%%% @@@@ ———",
        "illicit filling; jilted lilli's fiji",
        *map(chr, (c for c in range(0x21, 0x180) if chr(c).isprintable() and not bold)),
    ]
    for line in sentences:
        true = sum(font(bold).load_char(ord(c)).linearHoriAdvance for c in line) / 65536
        assert true <= measured.width(line), line


def lead(**changes: object) -> LeadExplanation:
    visits = Reason("v", "engagement", "visits", "3 visits", "usually 0", 0.83, True, "v_7d", 3.0)
    size = Reason("e", "fit", "company size", "101 employees", "", 0.31, False, "e", 101.0)
    mail = Reason("m", "engagement", "e-mail", "no e-mails opened", "", -0.34, True, "m", 0.0)
    base = 0.05
    end = logit(base) + 0.83 + 0.31 - 0.34 + 0.1
    given_: dict[str, object] = {
        "lead_id": "L-1042",
        "as_of": 1_795_219_200_000_000,
        "probability": 1 / (1 + math.exp(-end)),
        "low": 0.1,
        "high": 0.13,
        "base_probability": base,
        "stage": "MQL",
        "score": 55.9,
        "up": (visits, size),
        "down": (mail,),
        "fit": 0.36,
        "engagement": 0.54,
        "rest": 0.1,
    }
    return LeadExplanation(**(given_ | changes))  # type: ignore[arg-type]


def test_a_lead_is_drawn_as_it_is_explained() -> None:
    why = lead()
    svg = why.waterfall().svg
    root = ET.fromstring(svg)
    shown = [t.text for t in root.iter(f"{NS}text")]
    order = ["about 1 in 20", "3 visits", "101 employees", "no e-mails opened", "all else", "about 1 in 9"]
    assert [t for t in shown if t in order] == order
    factors = [t for t in shown if t and re.fullmatch(r"×[\d.]+", t)]
    assert factors == [ENGLISH.effect(math.exp(x)) for x in (0.83, 0.31, -0.34, 0.1, 0.36, 0.54)]
    classes = [p.attrib["class"] for p in root.iter(f"{NS}polygon")]
    assert classes == ["lq-up", "lq-up", "lq-down", "lq-rest", "lq-up", "lq-up"]
    pale = ["fill-opacity" in p.attrib for p in root.iter(f"{NS}polygon")]
    assert pale == [False, True, False, False, True, False]  # fit is pale
    dots = [c for c in root.iter(f"{NS}circle") if c.attrib.get("class") == "lq-actionable"]
    assert len(dots) == 2 + 1  # and the key
    assert end_dot(root) == pytest.approx(bars(root)[3][1], abs=0.11)


def test_it_is_named_for_those_who_do_not_see_it() -> None:
    root = ET.fromstring(lead().waterfall().svg)
    assert root.attrib["role"] == "img"
    labels = {e.attrib["id"]: e.text for e in root if e.tag in (f"{NS}title", f"{NS}desc")}
    title, told = (labels[name] for name in root.attrib["aria-labelledby"].split())
    assert title is not None
    assert title.startswith("L-1042, 21 November 2026: about 1 in 9 (11%, likely 10% to 13%)")
    assert told == (
        "MQL, score 55; starting from about 1 in 20. "
        "3 visits (usually 0) ×2.3, what they do, marketing or sales can change this. "
        "101 employees ×1.4, who they are. "
        "no e-mails opened ×0.71, what they do, marketing or sales can change this. "
        "all else ×1.1. who they are ×1.4, what they do ×1.7. about 1 in 20 → about 1 in 9."
    )


def test_what_would_help_stands_below(monkeypatch: pytest.MonkeyPatch) -> None:
    helped = replace(lead(), would_help=Help("L-1042", "MQL", "sales-ready", "none", 3))
    assert helped.would_help is not None
    below = helped._repr_html_().removeprefix(lead()._repr_html_())
    assert re.fullmatch("(<p>[^<]+</p>)+", below)
    assert " ".join(helped.would_help.lines()[0].split()) in below
    monkeypatch.setattr(Help, "lines", lambda self: [EVIL, "more"])
    ET.fromstring(f"<div>{helped._repr_html_()}</div>")
    assert helped._repr_html_().count("<p>") == 2


def test_without_reasons_and_without_certainty() -> None:
    plain = lead(up=(), down=(), rest=0.0, fit=0.0, engagement=0.0, probability=0.05)
    assert "can change this" not in plain.waterfall().svg
    for p in (0.0, 1.0, 1e-300):
        ET.fromstring(lead(low=0.0, high=1.0, probability=p, base_probability=p).waterfall().svg)


def test_the_hostile_stays_text() -> None:
    reason = replace(lead().up[0], text=EVIL, usual=EVIL)
    drawing = lead(lead_id=EVIL, stage=EVIL, up=(reason,)).waterfall()
    for svg in (drawing.svg, drawing.document(), drawing._repr_html_()):
        root = ET.fromstring(svg)
        tags = {e.tag.removeprefix(NS) for e in root.iter()}
        assert tags <= {"svg", "title", "desc", "text", "polygon", "circle", "path", "style", "div"}
        assert not [name for e in root.iter() for name in e.attrib if name.startswith("on") or "href" in name]
        assert "\x1b" not in svg
        assert "\u202e" not in svg


@given(ladders())
def test_equal_input_gives_equal_bytes_and_ids_do_not_meet(ladder: Ladder) -> None:
    first, again = draw(ladder), draw(replace(ladder))
    assert first == again
    other = draw(replace(ladder, name=ladder.name + "x"))
    assert set(re.findall(r' id="([^"]+)"', first.svg)).isdisjoint(re.findall(r' id="([^"]+)"', other.svg))


def test_it_loads_nothing_and_needs_no_style_sheet() -> None:
    svg = lead().waterfall().svg
    assert not re.findall(r"style|url\(|https?://(?!www\.w3\.org/2000/svg)", svg)


def test_a_file_of_its_own_has_a_size_and_paper(tmp_path: Path) -> None:
    drawing = lead().waterfall()
    path = drawing.save(tmp_path / "lead.svg")
    root = ET.parse(path).getroot()
    left, top, wide, tall = map(float, root.attrib["viewBox"].split())
    assert (left, top, wide) == (-10, -10, WIDTH + 20)
    assert float(root.attrib["width"]) / wide == pytest.approx(float(root.attrib["height"]) / tall, abs=1e-3)
    assert "prefers-color-scheme:dark" in path.read_text()
    assert isinstance(drawing, Drawing)
    assert lead()._repr_html_() == f'<div style="max-width:30em">{drawing}</div>'


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.name)
def test_the_pictures_own_words_are_whole_in_every_language(language) -> None:
    bar = Step("x", 1.0, "fit", actionable=True)
    drawn = draw(Ladder("L-1", "h", "u", 0.0, "s", "e", (bar,), 1.0, 0.0, language=language)).svg
    for key in ("picture.fit", "picture.engagement", "picture.actionable"):
        assert f">{language.say(key)}</text>" in drawn
    assert "…" not in drawn


def test_a_number_stays_on_one_line() -> None:
    lines = Words(10).fitted("1\xa0234 besøk og 1\xa0234 klikk og 1\xa0234 nedlastinger", 80, 9)
    assert " ".join(lines).count("1\xa0234 ") == 3
