from __future__ import annotations

import csv
import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from audited import CALLS, DATED, FLAT, SOURCES, Company, attribute, audited, innocent, rules, write_csv
from hypothesis import given, settings
from hypothesis import strategies as st

from lqmodel import simulate
from lqmodel.audit import Audit, Finding, audit
from lqmodel.declarations import ProjectFiles
from lqmodel.errors import LeakageFound
from lqmodel.figures import FOLDS, folds_of, single_auc
from lqmodel.inputs import open_inputs
from lqmodel.lexicon import humanise, too_late, words
from lqmodel.trainingset import training_set

LEAKS = {
    "Tags",
    "Lead Quality",
    "Lead Profile",
    "Last Activity",
    "Last Notable Activity",
    "Asymmetrique Activity Index",
    "Asymmetrique Profile Index",
    "Asymmetrique Activity Score",
    "Asymmetrique Profile Score",
}
NUMBERS = {
    "Lead Number",
    "TotalVisits",
    "Total Time Spent on Website",
    "Page Views Per Visit",
    "Asymmetrique Activity Score",
    "Asymmetrique Profile Score",
}
EXAMPLE = Path(__file__).parents[1]
data = pytest.mark.skipif(
    "LQMODEL_DATA" not in os.environ, reason="LQMODEL_DATA names no folder of real data"
)


class TestFlat:
    """One table, one row per lead, no clock."""

    MODEL = FLAT

    @pytest.fixture
    def flat(self, tmp_path: Path) -> Callable[..., Audit]:
        def run(
            column: str,
            value: Callable[[int, bool, random.Random], object],
            *,
            accept: str = "",
            dtype: str = "category",
        ) -> Audit:
            draw = random.Random(7)
            rows = []
            for i in range(1000):
                won = draw.random() < 0.3
                rows.append([f"L{i}", int(won), value(i, won, draw), draw.choice("xyz")])
            write_csv(tmp_path / "leads.csv", f"id,won,{column},other", rows)
            source = f'[leads]\nuri = "leads.csv"\nkey = "id"\n{accept}\n'
            features = 'kind = "fit"\n' + attribute(column, dtype=dtype) + attribute("other")
            return audited(tmp_path, source, features, self.MODEL)

        return run

    def test_nothing_to_find(self, flat: Callable[..., Audit]) -> None:
        found = flat("size", lambda i, won, draw: draw.choice("abc"))
        assert found.findings == ()
        found.raise_if_stopped()
        assert str(found) == "audit: nothing found"

    def test_a_suspicious_name_without_a_clock_stops(self, flat: Callable[..., Audit]) -> None:
        found = flat("Lead Status", lambda i, won, draw: draw.choice("abc"))
        assert rules(found, "stop") == {("suspicious_name", "Lead Status")}
        with pytest.raises(LeakageFound) as caught:
            found.raise_if_stopped()
        assert str(caught.value) == (
            "1 fact may come from after the outcome\n"
            "  Lead Status (features/profile.toml [lead_status]): 'status' is often filled in with the outcome, and source "
            f"'leads' has no clock to show when (AUC alone {found.figures[0].auc:.2f})\n"
            '    do: take it out, or, if it was known before, write accept = { "Lead Status" = "why" } in [leads] of '
            "features/sources.toml"
        )

    def test_accepted_columns_become_notes_that_show_the_reason(self, flat: Callable[..., Audit]) -> None:
        accept = "accept = { Tags = 'chosen on the first form' }"
        found = flat("Tags", lambda i, won, draw: draw.choice("abc"), accept=accept)
        assert rules(found, "stop") == set()
        assert rules(found, "note") == {("suspicious_name", "Tags")}
        assert "chosen on the first form" in found.findings[0].message

    def test_a_column_filled_in_from_the_label_stops_whatever_it_is_called(
        self, flat: Callable[..., Audit]
    ) -> None:
        found = flat("room", lambda i, won, draw: draw.choice("12") if won else "3")
        assert rules(found, "stop") == {("says_the_outcome", "room")}

    def test_a_column_filled_in_for_winners_only_stops(self, flat: Callable[..., Audit]) -> None:
        found = flat("room", lambda i, won, draw: draw.choice("12") if won and draw.random() < 0.4 else "")
        assert rules(found, "stop") == {("winners_only", "room")}

    def test_the_reason_is_accepted_for_values_as_well(self, flat: Callable[..., Audit]) -> None:
        accept = "accept = { room = 'booked with the first call' }"
        found = flat("room", lambda i, won, draw: "1" if won else "2", accept=accept)
        assert not found.stops
        assert rules(found, "note") == {("says_the_outcome", "room")}

    def test_strength_short_of_certainty_only_warns(self, flat: Callable[..., Audit]) -> None:
        found = flat("visits", lambda i, won, draw: round(draw.gauss(4.0 * won, 2.0), 3), dtype="number")
        assert rules(found, "warn") == {("strong_alone", "visits")}
        assert 0.88 < next(f for f in found.figures if f.column == "visits").auc < 0.97

    def test_the_middle_of_a_number_counts_as_much_as_its_ends(self, flat: Callable[..., Audit]) -> None:
        found = flat(
            "age",
            lambda i, won, draw: draw.uniform(-1, 1) if won else draw.choice([-1, 1]) * draw.uniform(0.7, 4),
            dtype="number",
        )
        assert next(f for f in found.figures if f.column == "age").auc > 0.85

    def test_gaps_that_tell(self, flat: Callable[..., Audit]) -> None:
        found = flat(
            "size", lambda i, won, draw: draw.choice("ab") if draw.random() < (0.9 if won else 0.4) else ""
        )
        assert rules(found, "warn") == {("telling_gaps", "size")}

    @pytest.mark.parametrize(
        ("rule", "value"),
        [
            ("empty", lambda i, won, draw: ""),
            ("near_constant", lambda i, won, draw: "rare" if i in (3, 500) else "usual"),
            ("names_leads", lambda i, won, draw: f"name {i}"),
            ("many_levels", lambda i, won, draw: f"level {draw.randrange(250)}"),
        ],
    )
    def test_columns_that_teach_nothing(
        self, flat: Callable[..., Audit], rule: str, value: Callable[..., object]
    ) -> None:
        assert rules(flat("place", value), "warn") == {(rule, "place")}

    def test_the_order_of_rows_changes_nothing(self, tmp_path: Path) -> None:
        draw = random.Random(1)
        rows = [[f"L{i}", int(draw.random() < 0.3), draw.choice("abc"), draw.random()] for i in range(300)]
        found = []
        for _ in range(2):
            write_csv(tmp_path / "leads.csv", "id,won,tag,size", rows)
            features = 'kind = "fit"\n' + attribute("tag") + attribute("size", dtype="number")
            found.append(
                audited(tmp_path, '[leads]\nuri = "leads.csv"\nkey = "id"\n', features, self.MODEL).to_json()
            )
            draw.shuffle(rows)
        assert found[0] == found[1]


def split_sizes(won: bool, draw: random.Random) -> str:
    return draw.choice("ab") if won else "c"


class TestDated:
    """Leads, what they did, and outcomes, each with a clock."""

    FEATURES = attribute("size") + CALLS

    def test_nothing_to_find(self, tmp_path: Path) -> None:
        assert Company().audited(tmp_path).findings == ()

    def test_facts_of_winners_only_stop(self, tmp_path: Path) -> None:
        def act(won: bool, created: int, closed: int | None, draw: random.Random) -> list[tuple[float, str]]:
            return [(closed + 1, "call")] if won and closed is not None else [(created + 1, "visit")]

        found = Company(act).audited(tmp_path)
        assert rules(found, "stop") == {("winners_only", "calls")}
        assert "100% of them were won" in found.stops[0].message

    def test_too_few_facts_are_judged_by_their_source(self, tmp_path: Path) -> None:
        """A column that is filled in for six winners stands in a table of winners."""
        company = Company()
        company.write(tmp_path)
        winners = [row[0] for row in company.outcomes if row[2] == "won"]
        rows = [[lead, "x" if i < 6 else "", "y"] for i, lead in enumerate(winners)]
        write_csv(tmp_path / "deals.csv", "id,rare,often", rows)
        sources = SOURCES + '[deals]\nuri = "deals.csv"\nkey = "id"\n'
        features = "".join(attribute(column, "deals") for column in ("rare", "often", "id"))
        found = audited(tmp_path, sources, 'kind = "fit"\n' + self.FEATURES + features, DATED)
        assert rules(found, "stop") == {("winners_only", name) for name in ("rare", "often", "id")}
        told = {f.name: f.message for f in found.stops}
        assert told["rare"].startswith(f"the facts of source 'deals' exist for {len(winners)} leads")
        assert not [f for f in found.findings if f.level == "warn" and f.name in told]

    def test_the_moment_of_a_fact_may_be_read_like_any_column(self, tmp_path: Path) -> None:
        company = Company()
        company.write(tmp_path)
        deals = [row[:2] for row in company.outcomes if row[2] == "won"]
        write_csv(tmp_path / "deals.csv", "id,at", deals)
        sources = SOURCES + '[deals]\nuri = "deals.csv"\nkey = "id"\noccurred_at = "at"\nzone = "UTC"\n'
        found = audited(tmp_path, sources, 'kind = "fit"\n' + self.FEATURES + attribute("at", "deals"), DATED)
        assert rules(found, "stop") == {("winners_only", "at")}

    def late_calls(self, *days: float) -> Company:
        def act(won: bool, created: int, closed: int | None, draw: random.Random) -> list[tuple[float, str]]:
            if won and closed is not None:
                return [(closed + day, "call") for day in days]
            return [(created + 3, "call")] if draw.random() < 0.1 else [(created + 3, "visit")]

        return Company(act)

    def test_facts_mostly_after_the_win_are_warned_of(self, tmp_path: Path) -> None:
        found = self.late_calls(1, 5).audited(tmp_path)
        assert ("after_the_win", "calls") in rules(found, "warn")
        assert not found.stops

    def test_facts_known_after_the_win_are_warned_of_although_they_happened_before(
        self, tmp_path: Path
    ) -> None:
        """Sales write down their calls when the deal is done; of the other kinds of fact that is not so."""
        company = self.late_calls(-3, -1)
        company.write(tmp_path)
        won = {row[0]: row[1] for row in company.outcomes if row[2] == "won"}
        rows = [
            [*row, np.datetime64(str(won.get(row[0], row[1]))) + np.timedelta64(2, "D")]
            for row in company.acts
        ]
        rows += [[lead, at, "visit", at] for lead, at, _ in company.leads]
        write_csv(tmp_path / "acts.csv", "id,at,kind,arrived", rows)
        sources = SOURCES.replace('"acts.csv"\n', '"acts.csv"\nknown_at = "arrived"\n')
        visits = CALLS.replace("[calls]", "[visits]").replace('"call"', '"visit"')
        found = audited(tmp_path, sources, 'kind = "fit"\n' + self.FEATURES + visits, DATED)
        assert not found.stops
        warned = next(f for f in found.findings if f.rule == "after_the_win")
        assert warned.name == "calls"
        assert "known only after the win" in warned.message

    def test_facts_within_a_minute_of_the_win_are_part_of_it(self, tmp_path: Path) -> None:
        company = self.late_calls()
        closed = [row for row in company.outcomes if row[2] == "won"]
        company.acts += [
            [lead, np.datetime64(str(at)) - np.timedelta64(20, "s"), "call"] for lead, at, _ in closed
        ]
        found = company.audited(tmp_path)
        assert found.stops == ()
        assert ("at_the_win", "calls") in rules(found, "warn")

    def test_customers_who_stay_active_are_no_leak(self, tmp_path: Path) -> None:
        def act(won: bool, created: int, closed: int | None, draw: random.Random) -> list[tuple[float, str]]:
            late = [(closed + d, "call") for d in range(1, 20)] if won and closed is not None else []
            return [*innocent(won, created, closed, draw), *late]

        assert not Company(act).audited(tmp_path).stops

    def test_an_attribute_filled_in_from_the_outcome_stops_although_the_lead_has_a_date(
        self, tmp_path: Path
    ) -> None:
        found = Company(size=split_sizes).audited(tmp_path)
        assert rules(found, "stop") == {("says_the_outcome", "size")}

    def called_lead_stage(self, company: Company, root: Path) -> Audit:
        company.write(root)
        text = (root / "leads.csv").read_text().replace("id,at,size", "id,at,lead stage")
        (root / "leads.csv").write_text(text)
        features = self.FEATURES.replace("[size]", "[lead_stage]").replace('"size"', '"lead stage"')
        return audited(root, SOURCES, 'kind = "fit"\n' + features, DATED)

    def test_names_on_dated_leads_only_warn(self, tmp_path: Path) -> None:
        found = self.called_lead_stage(Company(), tmp_path)
        assert not found.stops
        assert rules(found, "warn") == {("suspicious_name", "lead stage")}

    def test_a_warning_on_the_name_does_not_hide_a_stop_on_the_values(self, tmp_path: Path) -> None:
        found = self.called_lead_stage(Company(size=split_sizes), tmp_path)
        assert rules(found, "stop") == {("says_the_outcome", "lead_stage")}

    def test_the_source_of_the_outcomes_is_no_feature(self, tmp_path: Path) -> None:
        closings = '[closings]\nsource = "outcomes"\nverb = "count"\nwindows = ["30d"]\n'
        found = Company().audited(tmp_path, features=self.FEATURES + closings)
        assert rules(found, "stop") == {("label_as_feature", "closings")}

    def test_the_label_of_a_file_is_no_feature_under_another_source(self, tmp_path: Path) -> None:
        again = '[again]\nuri = "outcomes.csv"\nkey = "id"\noccurred_at = "at"\nzone = "UTC"\n'
        found = Company().audited(
            tmp_path, sources=SOURCES + again, features=self.FEATURES + attribute("result", "again")
        )
        assert ("label_as_feature", "result") in rules(found, "stop")


def test_a_finding_prints_and_becomes_json() -> None:
    stop = Finding("stop", "r", "Tags", "features/f.toml [tags]", "it leaks", "take it out")
    found = Audit((stop, Finding("warn", "s", "x", "here", "odd", "look")), ())
    assert str(found) == (
        "audit: 1 stop, 1 warn\nstop  Tags (features/f.toml [tags]): it leaks\n      do: take it out\n"
        "warn  x (here): odd\n      do: look"
    )
    assert json.loads(json.dumps(found.to_json()))["findings"][0]["name"] == "Tags"


@pytest.mark.parametrize(("n", "shown"), [(5, 5), (6, 6), (7, 5), (40, 5)])
def test_many_findings_of_one_rule_print_in_a_few_lines_and_none_is_lost(n: int, shown: int) -> None:
    stops = tuple(Finding("stop", "winners_only", f"c{i:02d}", "here", "odd", "look") for i in range(n))
    found = Audit(stops, ())
    text = str(found)
    assert text.count(": odd") == shown
    if n > shown:
        assert f"and {n - shown} more of winners_only, see --format json: c05, c06" in text
    with pytest.raises(LeakageFound, match=f"{n} facts may come from after the outcome") as caught:
        found.raise_if_stopped()
    assert str(caught.value).count(": odd") == shown
    told = found.to_json()["findings"]
    assert [f["name"] for f in told] == [f"c{i:02d}" for i in range(n)]
    assert all(list(f) == ["level", "rule", "name", "where", "message", "do"] for f in told)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_noise_ranks_at_random_and_the_label_ranks_perfectly(seed: int, levels: int) -> None:
    draw = np.random.default_rng(seed)
    won = draw.random(2000) < 0.3
    fold = folds_of(np.array([f"g{i}" for i in range(2000)], dtype=object))
    assert set(fold) == set(range(FOLDS))
    assert 0.42 < single_auc(draw.integers(0, levels, 2000), won, fold) < 0.58
    assert single_auc(won.astype(np.int64), won, fold) == 1.0


def test_levels_seen_once_say_nothing() -> None:
    draw = np.random.default_rng(0)
    won = draw.random(500) < 0.3
    assert single_auc(np.arange(500), won, folds_of(np.arange(500).astype(object))) == 0.5


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("Last Activity", "last"),
        ("leadStatus", "status"),
        ("WON_DATE", "won"),
        ("Verlustgrund", "verlustgrund"),
        ("Qualität", "qualitat"),
        ("Câștigat la", "castigat"),
        ("siste_aktivitet", "siste"),
        ("Årsak", "arsak"),
        ("Last Name", None),
        ("Marital Status", None),
        ("Total Time Spent on Website", None),
        ("What is your current occupation", None),
        ("Lead Source", None),
        ("Lastschrift", None),
    ],
)
def test_words_of_names(name: str, word: str | None) -> None:
    assert too_late(name) == word


def test_humanised_names_keep_their_words() -> None:
    assert words(humanise("TotalVisits_perDay")) == words("TotalVisits_perDay")


@data
def test_x_education_stops_for_exactly_the_columns_that_leak(tmp_path: Path) -> None:
    path = Path(os.environ["LQMODEL_DATA"]) / "xeducation" / "Leads.csv"
    with path.open(newline="", encoding="utf-8") as file:
        columns = next(csv.reader(file))
    described = [c for c in columns if c not in ("Prospect ID", "Converted")]
    features = 'kind = "fit"\n' + "".join(
        attribute(c, dtype="number" if c in NUMBERS else "category") for c in described
    )
    source = f'[leads]\nuri = "{path}"\nkey = "Prospect ID"\nmissing = ["Select"]\n'
    found = audited(tmp_path, source, features, '[label]\nsource = "leads"\nwhere = { Converted = 1 }\n')
    assert {f.name for f in found.stops} == LEAKS
    auc = {f.column: f.auc for f in found.figures}
    expected = {
        "tags": 0.92,
        "lead_quality": 0.80,
        "lead_profile": 0.67,
        "last_activity": 0.73,
        "last_notable_activity": 0.70,
    }
    assert {c: round(auc[c], 2) for c in expected} == pytest.approx(expected, abs=0.011)
    assert auc["total_time_spent_on_website"] > auc["last_activity"]


def test_the_simulated_company_has_no_stop(tmp_path: Path) -> None:
    simulate.simulate(tmp_path / "data", simulate.Company(leads=1200, seed=1))
    for folder in ("features", "models"):
        shutil.copytree(EXAMPLE / folder, tmp_path / folder)
    declarations = ProjectFiles.read(tmp_path).declarations()
    inputs = open_inputs(declarations, tmp_path)
    assert not audit(training_set(declarations, inputs), inputs).stops
