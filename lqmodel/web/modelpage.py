"""The model: how good it was on later time, whether its chances held, what was agreed, and its card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from lqmodel.bundle import Bundle
from lqmodel.card import FIGURES
from lqmodel.languages import Language
from lqmodel.runs import Run
from lqmodel.web.asking import Rival
from lqmodel.web.charts import Range, ranges, scale
from lqmodel.web.frame import Frame
from lqmodel.web.markdown import Block, blocks
from lqmodel.web.words import day, waits_for

DIGITS = 3


@dataclass(frozen=True)
class Alias:
    """A registered model: its alias, versions and figures, and whether it made the run that is shown."""

    alias: str
    version: str
    bundle: str
    figures: tuple[str, ...]
    shown: bool


@dataclass(frozen=True)
class Figure:
    """One figure: its name, and the model's value with its interval, then those of the baselines."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Held:
    """A band on later time: what was said and what happened."""

    name: str
    at_least: str
    snapshots: int
    leads: int
    said: str
    happened: str
    interval: str
    drawing: Markup


@dataclass(frozen=True)
class ModelPage:
    """Context of model.html.

    Attributes
    ----------
    frame : Frame
    name, version, as_of : str
        Of what made the run that is shown.
    by_points : bool
        A points table made it: then there is nothing below but what was agreed.
    found : bool
        Whether the model is at hand.
    aliases : tuple of Alias
        Empty without a registry.
    figures : tuple of str
        Names of the figures of `aliases`.
    baselines : tuple of str
    quality : tuple of Figure
    bands : tuple of Held
    warnings : tuple of str
    agreement, means : str
        Version and words of what marketing and sales signed.
    unsigned : str
        Teams that have yet to do so.
    thresholds : tuple of (str, str)
        Stage, and the probability from which a lead stands there.
    card : tuple of Block
    """

    frame: Frame
    name: str
    version: str
    as_of: str
    by_points: bool
    found: bool
    aliases: tuple[Alias, ...]
    figures: tuple[str, ...]
    baselines: tuple[str, ...]
    quality: tuple[Figure, ...]
    bands: tuple[Held, ...]
    warnings: tuple[str, ...]
    agreement: str
    means: str
    unsigned: str
    thresholds: tuple[tuple[str, str], ...]
    card: tuple[Block, ...]


def model_page(frame: Frame, run: Run, bundle: Bundle | None, rivals: Sequence[Rival]) -> ModelPage:
    """Put the page together."""
    language = frame.language
    metrics: Mapping[str, Any] = {} if bundle is None else bundle.metrics
    agreed = None if bundle is None else bundle.declarations.model.agreement
    baselines = metrics.get("baselines", {})
    rows = (metrics["quality"], *baselines.values()) if metrics else ()
    return ModelPage(
        frame=frame,
        name=run.model_name,
        version=run.bundle_version,
        as_of="" if run.as_of is None else day(run.as_of, language),
        by_points=run.by_points,
        found=bundle is not None,
        aliases=tuple(_alias(r, run.bundle_version, language) for r in rivals),
        figures=tuple(word for _, word in FIGURES),
        baselines=tuple(baselines),
        quality=tuple(
            Figure(word, tuple(_estimate(row.get(key), language) for row in rows))
            for key, word in FIGURES
            if rows
        ),
        bands=_bands(metrics["quality"]["bands"], language) if metrics else (),
        warnings=tuple(metrics.get("warnings", ())),
        agreement=str(run.manifest["agreement"] or ""),
        means="" if agreed is None else agreed.sales_ready_means,
        unsigned=waits_for(run, language),
        thresholds=() if bundle is None else _thresholds(bundle, language),
        card=() if bundle is None else blocks(bundle.card),
    )


def _alias(rival: Rival, shown: str, language: Language) -> Alias:
    figures = tuple(_estimate(rival.quality.get(key), language, ends=False) for key, _ in FIGURES)
    return Alias(rival.alias, rival.version, rival.bundle, figures, rival.bundle == shown)


def _thresholds(bundle: Bundle, language: Language) -> tuple[tuple[str, str], ...]:
    policy = bundle.policy
    found = [("MQL", policy.mql), ("sales-ready", policy.sales_ready)]
    found += [(f"sales-ready, {level}", threshold) for level, threshold in policy.levels]
    return tuple((stage, language.percent(threshold.probability)) for stage, threshold in found)


def _bands(bands: Sequence[Mapping[str, Any]], language: Language) -> tuple[Held, ...]:
    rows = [_range(band) for band in bands]
    end = scale(rows)
    found = []
    for band, row in zip(bands, rows, strict=True):
        name = str(band["name"]).replace("_", "-")
        said, happened, low, high = (
            "" if v is None else language.percent(v) for v in (row.said, row.happened, row.low, row.high)
        )
        interval = f"{low} – {high}" if low and high else ""
        told = f"{name}: {said}, {happened} ({interval})"
        found.append(
            Held(
                name,
                language.percent(band["at_least"]),
                band["snapshots"],
                band["leads"],
                said,
                happened,
                interval,
                ranges(row, end, told),
            )
        )
    return tuple(found)


def _range(band: Mapping[str, Any]) -> Range:
    observed = band["observed"] or {}
    return Range(band["predicted"], observed.get("value"), observed.get("low"), observed.get("high"))


def _estimate(figure: Mapping[str, float | None] | None, language: Language, *, ends: bool = True) -> str:
    value = None if figure is None else figure.get("value")
    if figure is None or value is None:
        return "–"
    low, high = figure.get("low"), figure.get("high")
    told = _rounded(value, language)
    return (
        told
        if low is None or high is None or not ends
        else f"{told} ({_rounded(low, language)}\u00a0–\u00a0{_rounded(high, language)})"
    )


def _rounded(value: float, language: Language) -> str:
    return f"{value:.{DIGITS}f}".replace(".", language.conventions.decimal)
