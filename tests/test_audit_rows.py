"""Damage in the rows of a source: ids, repeats, moments that too many share."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from audited import CALLS, DATED, FLAT, SOURCES, Company, attribute, audited, moment, rules, write_csv

from lqmodel.audit import Audit


def message(found: Audit, rule: str) -> str:
    (finding,) = [f for f in found.findings if f.rule == rule]
    assert finding.do
    return finding.message


def test_a_sound_company_has_nothing(tmp_path: Path) -> None:
    assert Company().audited(tmp_path).findings == ()


class TestIds:
    @pytest.mark.parametrize(("share", "level"), [(0.05, "warn"), (0.004, "note")])
    def test_rows_without_a_lead_are_counted(self, tmp_path: Path, share: float, level: str) -> None:
        company = Company()
        n = round(share * len(company.acts))
        company.acts += [["", moment(5 + i), "call"] for i in range(n)]
        found = company.audited(tmp_path)
        assert rules(found, level) == {("missing_ids", "acts")}
        assert message(found, "missing_ids").startswith(
            f"{n} of {len(company.acts)} rows ({n / len(company.acts):.1%})"
        )

    @pytest.mark.parametrize(("one", "other"), [("A-1", "a-1 "), ("7", "007"), ("x", "X"), ("7", "7.0")])
    def test_ids_of_leads_that_nearly_agree(self, tmp_path: Path, one: str, other: str) -> None:
        company = Company()
        company.leads[3][0], company.leads[5][0] = one, other
        found = company.audited(tmp_path)
        assert rules(found, "warn") == {("ids_collide", "leads")}
        told = message(found, "ids_collide")
        assert told.startswith("1 ids of leads agree with another")
        assert repr(one) in told
        assert repr(other) in told

    def test_ids_of_another_source_that_would_name_a_lead(self, tmp_path: Path) -> None:
        company = Company()
        for row in company.acts[:50]:
            row[0] = f" {str(row[0]).lower()}"
        company.acts[60][0] = "nobody"
        found = company.audited(tmp_path)
        assert rules(found, "warn") == {("ids_collide", "acts")}
        assert "(50 rows, set aside)" in message(found, "ids_collide")
        assert "' l0' for 'L0'" in message(found, "ids_collide") or "' l1' for 'L1'" in message(
            found, "ids_collide"
        )

    def test_different_ids_do_not_collide(self, tmp_path: Path) -> None:
        company = Company()
        for i, key in enumerate(("100", "10", "0", "1.5", "15", "A1", "A-1", "A 1")):
            company.leads[i][0] = key
        assert not [f for f in company.audited(tmp_path).findings if f.rule == "ids_collide"]


class TestRepeats:
    def test_events_sent_twice_warn_because_they_are_counted_twice(self, tmp_path: Path) -> None:
        company = Company()
        company.acts += [list(row) for row in company.acts[:60]]
        found = company.audited(tmp_path)
        assert rules(found, "warn") == {("repeated_rows", "acts")}
        told = message(found, "repeated_rows")
        assert told.startswith(f"60 of {len(company.acts)} facts")
        assert "up to 2 times" in told
        assert told.endswith("counted each time by calls")

    def test_a_few_repeats_are_no_matter(self, tmp_path: Path) -> None:
        company = Company()
        company.acts += [list(row) for row in company.acts[:5]]
        assert company.audited(tmp_path).findings == ()

    def test_rows_that_differ_in_a_column_that_is_read_are_no_repeats(self, tmp_path: Path) -> None:
        company = Company()
        company.acts += [[row[0], row[1], "mail"] for row in company.acts[:60]]
        assert company.audited(tmp_path).findings == ()

    def test_with_days_only_two_facts_of_one_day_may_be_two(self, tmp_path: Path) -> None:
        company = Company()
        company.acts += [list(row) for row in company.acts[:60]]
        for row in company.acts:
            row[1] = str(row[1])[:10]
        found = company.audited(tmp_path)
        assert rules(found, "warn") == set()
        assert "with days only" in message(found, "repeated_rows")

    def test_repeats_that_nothing_counts_are_a_note(self, tmp_path: Path) -> None:
        company = Company()
        company.acts += [list(row) for row in company.acts[:60]]
        features = attribute("size") + '[last_call]\nsource = "acts"\nverb = "recency"\n'
        assert rules(company.audited(tmp_path, features=features), "warn") == set()


class TestMoments:
    def test_old_leads_closed_in_bulk_are_no_outcomes_of_that_moment(self, tmp_path: Path) -> None:
        company = Company()
        closed = {row[0] for row in company.outcomes}
        still_open = [row[0] for row in company.leads if row[0] not in closed][:60]
        company.outcomes += [[lead, moment(150), "lost"] for lead in still_open]
        found = company.audited(tmp_path)
        assert rules(found, "warn") == {("shared_moment", "outcomes")}
        told = message(found, "shared_moment")
        assert "60 facts of 60 leads" in told
        assert "happened at 2024-05-30T12:00Z, where 1 is usual; 0 of them are wins" in told

    def test_the_same_with_days_only(self, tmp_path: Path) -> None:
        company = Company()
        closed = {row[0] for row in company.outcomes}
        still_open = [row[0] for row in company.leads if row[0] not in closed][:110]
        company.outcomes += [[lead, moment(150), "lost"] for lead in still_open]
        for row in company.outcomes:
            row[1] = str(row[1])[:10]
        found = company.audited(tmp_path)
        assert rules(found, "warn") == {("shared_moment", "outcomes")}
        assert "on the day that ends 2024-05-31T00:00Z" in message(found, "shared_moment")

    def test_many_leads_of_one_day_are_a_campaign(self, tmp_path: Path) -> None:
        company = Company()
        for i, row in enumerate(company.leads):
            row[1] = moment(100 if i < 120 else i % 90)[:10]
        assert not [f for f in company.audited(tmp_path).findings if f.rule == "shared_moment"]

    def test_events_imported_in_bulk(self, tmp_path: Path) -> None:
        company = Company()
        company.acts += [[f"L{i}", moment(120), "call"] for i in range(150)]
        found = company.audited(tmp_path)
        assert rules(found, "warn") == {("shared_moment", "acts")}
        assert "150 leads" in message(found, "shared_moment")
        assert "imported" in next(f.do for f in found.findings if f.rule == "shared_moment")

    def test_a_few_large_moments_are_one_finding(self, tmp_path: Path) -> None:
        company = Company()
        for day in (40, 80, 120):
            company.acts += [[f"L{i}", moment(day), "call"] for i in range(80)]
        told = message(company.audited(tmp_path), "shared_moment")
        assert "happened at 2024-02-10T12:00Z" in told, "of equals the earliest"
        assert "and 2 more moments are like it" in told

    KNOWN = SOURCES.replace('"acts.csv"\nkey = "id"', '"acts.csv"\nkey = "id"\nknown_at = "arrived"')

    def loaded(self, root: Path, arrived: str, sources: str) -> Audit:
        company = Company()
        company.write(root)
        rows = [[*row, arrived if str(row[1]) < arrived else row[1]] for row in company.acts]
        write_csv(root / "acts.csv", "id,at,kind,arrived", rows)
        return audited(root, sources, 'kind = "engagement"\n' + attribute("size") + CALLS, DATED)

    def test_a_load_in_bulk_asks_for_backfilled_before(self, tmp_path: Path) -> None:
        found = self.loaded(tmp_path, moment(120), self.KNOWN)
        (finding,) = [f for f in found.findings if f.rule == "shared_moment"]
        assert (finding.level, finding.name) == ("warn", "acts")
        assert "arrived at 2024-04-30T12:00Z, though they happened over 1" in finding.message
        assert (
            finding.do
            == 'if they were loaded in bulk, write backfilled_before = "2024-04-30T12:00Z" in [acts]'
        )
        declared = self.KNOWN.replace(
            'known_at = "arrived"', 'known_at = "arrived"\nbackfilled_before = "2024-04-30T12:00Z"'
        )
        again = self.loaded(tmp_path, moment(120), declared)
        assert not [f for f in again.findings if f.rule == "shared_moment"], "what to do helps"

    def test_nightly_loads_are_usual(self, tmp_path: Path) -> None:
        company = Company()
        company.write(tmp_path)
        rows = [[*row, str(row[1])[:10] + "T23:59:59"] for row in company.acts]
        write_csv(tmp_path / "acts.csv", "id,at,kind,arrived", rows)
        found = audited(tmp_path, self.KNOWN, 'kind = "engagement"\n' + attribute("size") + CALLS, DATED)
        assert not [f for f in found.findings if f.rule == "shared_moment"]


def test_the_order_of_rows_changes_nothing(tmp_path: Path) -> None:
    found = []
    for seed in range(3):
        company = Company()
        company.acts += [list(row) for row in company.acts[:60]]
        company.acts += [[f"L{i}", moment(120), "call"] for i in range(150)]
        company.acts += [["", moment(5), "call"]] * 20
        for row in company.acts[:50]:
            row[0] = f" {row[0]}"
        company.leads[3][0], company.leads[5][0] = "x", "X"
        for table in (company.leads, company.outcomes, company.acts):
            random.Random(seed).shuffle(table)
        found.append(company.audited(tmp_path).to_json())
    assert found[0] == found[1] == found[2]
    assert {f["rule"] for f in found[0]["findings"]} == {
        "missing_ids", "ids_collide", "repeated_rows", "shared_moment",
    }  # fmt: skip


def test_a_table_without_a_clock_is_looked_at_for_ids_only(tmp_path: Path) -> None:
    draw = random.Random(0)
    rows = [[f"L{i}", int(draw.random() < 0.3), draw.choice("abc")] for i in range(300)]
    rows[0][0] = "l1"
    write_csv(tmp_path / "leads.csv", "id,won,size", [*rows, *[["", 0, "a"]] * 30])
    source = '[leads]\nuri = "leads.csv"\nkey = "id"\n'
    found = audited(tmp_path, source, 'kind = "fit"\n' + attribute("size"), FLAT)
    assert rules(found, "warn") == {("ids_collide", "leads"), ("missing_ids", "leads")}
