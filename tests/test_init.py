from __future__ import annotations

import csv
import os
import random
import tomllib
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from lqmodel.audit import audit
from lqmodel.declarations import ProjectFiles
from lqmodel.errors import BadData, CannotWrite, NoInput, UsageError
from lqmodel.init import Answers, Guess, guess, pairs, write_project
from lqmodel.init.clock import choose_clock, thresholds
from lqmodel.init.reading import sniff
from lqmodel.inputs import open_inputs
from lqmodel.simulate import Company, simulate
from lqmodel.trainingset import Snapshots, training_set

data = pytest.mark.skipif(
    "LQMODEL_DATA" not in os.environ, reason="LQMODEL_DATA names no folder of real data"
)
Rows = list[list[Any]]


def write_csv(
    path: Path, header: Sequence[str], rows: Rows, *, delimiter: str = ",", encoding: str = "utf-8"
) -> Path:
    with path.open("w", newline="", encoding=encoding) as file:
        csv.writer(file, delimiter=delimiter).writerows([header, *rows])
    return path


def trained_on(found: Guess, root: Path) -> Snapshots:
    """Write the project, load it, and let the audit look at its training set."""
    write_project(found, root)
    declarations = ProjectFiles.read(root).declarations()
    inputs = open_inputs(declarations, root)
    snapshots = training_set(declarations, inputs)
    audit(snapshots, inputs).raise_if_stopped()
    return snapshots


def said(found: Guess, *words: str) -> bool:
    return any(all(w in sentence for w in words) for sentence in found.explanations)


FLAT = ["Lead ID", "Converted", "Industry", "Visits", "Region", "Lead Stage", "E-Mail", "Phone", "Gender", "First Name", "Notes", "Voucher", "Constant", "Empty", "Do Not Call"]  # fmt: skip


def flat_rows(n: int = 600) -> Rows:
    draw, rows = random.Random(5), []
    for i in range(n):
        won = draw.random() < 0.25
        note = " ".join(
            draw.choice(["asked", "for", "a", "price", "again", "and", "more"]) for _ in range(12)
        ) + str(i)
        rows.append([
            f"L-{i}", "Yes" if won else "No", draw.choice(["software", "trade", "Select", "n/a"]), draw.choice([*range(9), ""]),
            draw.randrange(1, 6), draw.choice("abc"), f"p{i}@example.com", f"+49 171 {i:06}", draw.choice("fm"), draw.choice(["Ana", "Bo"]),
            note, "2024" if won and draw.random() < 0.5 else "", "same", "", draw.choice(["Yes", "No"]),
        ])  # fmt: skip
    return rows


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    return write_csv(tmp_path / "Leads.csv", FLAT, flat_rows())


class TestFlat:
    def test_the_whole_guess(self, flat: Path, tmp_path: Path) -> None:
        found = guess({"leads": flat}, Answers())
        snapshots = trained_on(found, tmp_path)
        assert [c.name for c in snapshots.columns] == ["do_not_call", "industry", "region", "visits"]
        assert {c.name for c in snapshots.columns if c.dtype == "number"} == {"visits"}
        assert len(snapshots) == 600
        assert found.model["label"] == {"source": "leads", "where": {"Converted": "Yes"}}

    def test_what_is_left_out_and_why(self, flat: Path) -> None:
        found = guess({"leads": flat}, Answers())
        why = {column: reason for (_, column), reason in found.left_out.items()}
        assert set(why) == {
            "Lead Stage",
            "E-Mail",
            "Phone",
            "Gender",
            "Notes",
            "Voucher",
            "Constant",
            "Empty",
        }
        assert "filled in with the outcome" in why["Lead Stage"]
        assert "reach a person" in why["E-Mail"]
        assert "reach a person" in why["Phone"]
        assert "personal trait" in why["Gender"]
        assert why["Notes"] == "free text"
        assert "were won" in why["Voucher"]
        assert why["Constant"] == "100.00% of its rows are 'same'"
        assert why["Empty"] == "empty"

    def test_the_file_says_so_in_comments_and_stands_relative_to_the_project(
        self, flat: Path, tmp_path: Path
    ) -> None:
        write_project(guess({"leads": flat}, Answers()), tmp_path)
        text = (tmp_path / "features" / "sources.toml").read_text(encoding="utf-8")
        assert tomllib.loads(text)["leads"] == {
            "uri": "Leads.csv",
            "key": "Lead ID",
            "columns": ["Converted", "Do Not Call", "Industry", "Region", "Visits"],
            "display": ["First Name"],
            "missing": ["Select", "n/a"],
        }
        assert "#   Lead Stage: 'stage' is often filled in with the outcome" in text
        assert (
            "a start for marketing and sales to agree on"
            in (tmp_path / "models" / "lead_conversion.toml").read_text()
        )

    def test_a_file_elsewhere_keeps_its_whole_path(self, flat: Path, tmp_path: Path) -> None:
        write_project(guess({"leads": flat}, Answers()), tmp_path / "project")
        values = tomllib.loads((tmp_path / "project" / "features" / "sources.toml").read_text())
        assert values["leads"]["uri"] == flat.as_posix()

    def test_files_that_are_there_are_not_overwritten(self, flat: Path, tmp_path: Path) -> None:
        found = guess({"leads": flat}, Answers())
        write_project(found, tmp_path)
        before = (tmp_path / "features" / "fit.toml").read_bytes()
        (tmp_path / "models" / "lead_conversion.toml").unlink()
        with pytest.raises(CannotWrite) as caught:
            write_project(found, tmp_path)
        assert str(caught.value) == (
            f"{tmp_path.resolve()}: features/sources.toml is there already\n"
            "  there is: features/sources.toml, features/fit.toml, features/behaviour.toml\n"
            "  do: name another folder, or replace these files with --force"
        )
        assert not (tmp_path / "models" / "lead_conversion.toml").exists()
        write_project(found, tmp_path, force=True)
        assert (tmp_path / "features" / "fit.toml").read_bytes() == before

    def test_answers_win(self, flat: Path, tmp_path: Path) -> None:
        keep = {"Lead Stage": "set when the lead arrives", "Constant": "it will vary next year"}
        found = guess(
            {"leads": flat}, Answers(keep=keep, drop=("Region",), name="buyers", label="Do Not Call=no")
        )
        trained_on(found, tmp_path)
        assert found.name == "buyers"
        assert (tmp_path / "models" / "buyers.toml").is_file()
        assert set(found.features["fit"][2]) == {"industry", "voucher", "lead_stage", "constant"}
        assert found.features["behaviour"][0] == "engagement"  # a total of what they did, not who they are
        assert set(found.features["behaviour"][2]) == {"visits"}
        assert found.sources["leads"].values["accept"] == keep
        assert found.model["label"]["where"] == {"Do Not Call": "No"}
        assert said(found, "Region", "--drop")

    def test_the_order_of_rows_changes_nothing(self, flat: Path, tmp_path: Path) -> None:
        texts = []
        rows = flat_rows()
        for folder in ("a", "b"):
            (tmp_path / folder).mkdir()
            path = write_csv(tmp_path / folder / "Leads.csv", FLAT, rows)
            files = write_project(guess({"leads": path}, Answers()), tmp_path / folder)
            texts.append([f.read_bytes() for f in files])
            random.Random(1).shuffle(rows)
        assert texts[0] == texts[1]

    def test_every_sentence_names_what_changes_it(self, flat: Path) -> None:
        for sentence in guess({"leads": flat}, Answers()).explanations:
            assert "(--" in sentence or "(mend " in sentence

    def test_a_question_is_asked_where_two_labels_fit(self, tmp_path: Path) -> None:
        rows: Rows = [[i, i % 3 == 0, i % 4 == 0, i % 5] for i in range(90)]
        path = write_csv(tmp_path / "x.csv", ["id", "won", "purchased", "visits"], rows)
        asked: list[tuple[str, list[str], str]] = []

        def ask(question: str, choices: Sequence[str], default: str) -> str:
            asked.append((question, list(choices), default))
            return "purchased"

        found = guess({"leads": path}, Answers(), ask)
        assert asked == [("Which column says whether a lead was won?", ["won", "purchased"], "won")]
        assert found.model["label"]["where"] == {"purchased": "True"}
        assert guess({"leads": path}, Answers()).model["label"]["where"] == {"won": "True"}


class TestRefusals:
    def test_no_key(self, tmp_path: Path) -> None:
        path = write_csv(tmp_path / "shop.csv", ["visits", "won"], [[i % 7, i % 2] for i in range(50)])
        with pytest.raises(UsageError) as caught:
            guess({"shop": path}, Answers())
        text = str(caught.value)
        assert text.startswith(
            "source 'shop': no column names the lead: it must be filled in every row and never twice the same"
        )
        assert "visits (7 values in 50 rows)" in text
        assert "--key COLUMN" in text
        assert "number the rows once" in text

    def test_the_way_out_of_no_key_works(self, tmp_path: Path) -> None:
        write_csv(
            tmp_path / "numbered.csv", ["row_id", "visits", "won"], [[i, i % 7, i % 2] for i in range(50)]
        )
        assert guess({"shop": tmp_path / "numbered.csv"}, Answers()).sources["shop"].values["key"] == "row_id"

    def test_a_key_that_stands_twice(self, tmp_path: Path) -> None:
        path = write_csv(tmp_path / "x.csv", ["id", "won"], [[i % 40, i % 2] for i in range(50)])
        with pytest.raises(UsageError, match="--key id does not name the lead"):
            guess({"leads": path}, Answers(key=("id",)))

    def test_a_key_that_is_not_there(self, flat: Path) -> None:
        with pytest.raises(UsageError, match="no column 'Lead_ID_2'"):
            guess({"leads": flat}, Answers(key=("Lead_ID_2",)))

    def test_no_label(self, tmp_path: Path) -> None:
        path = write_csv(
            tmp_path / "x.csv",
            ["id", "newsletter", "visits"],
            [[i, ["no", "yes"][i % 2], i % 5] for i in range(60)],
        )
        with pytest.raises(UsageError) as caught:
            guess({"leads": path}, Answers())
        assert "no column looks like the outcome" in str(caught.value)
        assert "newsletter (no / yes)" in str(caught.value)
        assert "--label COLUMN=VALUE" in str(caught.value)

    @pytest.mark.parametrize(
        ("answers", "message"),
        [
            ({"label": "Converted"}, "is not COLUMN=VALUE"),
            ({"label": "Converted=perhaps"}, "never holds 'perhaps'"),
            ({"label": "Convertd=1"}, "write 'Converted'"),
            ({"drop": ("Regoin",)}, "write 'Region'"),
            ({"account": "Regoin"}, "write 'Region'"),
            ({"created": "Region"}, "holds no dates or times"),
            ({"lead_source": "people"}, "no source 'people'"),
            ({"roles": {"people": "leads"}}, "no source 'people'"),
        ],
    )
    def test_answers_that_do_not_fit(self, flat: Path, answers: dict[str, Any], message: str) -> None:
        with pytest.raises(UsageError, match=message):
            guess({"leads": flat}, Answers(**answers))

    @pytest.mark.parametrize(
        ("answers", "message"),
        [
            ({"name": "My Model"}, "no name for a model"),
            ({"roles": {"leads": "customers"}}, "no such role"),
            ({"zone": "Berlin"}, "is no time zone"),
            ({"keep": {"Tags": "yes"}}, "needs a reason in words"),
        ],
    )
    def test_answers_that_cannot_be_meant(self, answers: dict[str, Any], message: str) -> None:
        with pytest.raises(UsageError, match=message):
            Answers(**answers)

    @pytest.mark.parametrize("text", ["leads", "=x", "leads=", "a=1"])
    def test_pairs(self, text: str) -> None:
        with pytest.raises(UsageError):
            pairs([text, "a=2"] if text == "a=1" else [text], "--source")

    def test_no_file_and_no_rows(self, tmp_path: Path) -> None:
        with pytest.raises(NoInput, match="no file"):
            guess({"leads": tmp_path / "none.csv"}, Answers())
        with pytest.raises(BadData, match="has no rows"):
            guess({"leads": write_csv(tmp_path / "empty.csv", ["id", "won"], [])}, Answers())
        with pytest.raises(UsageError, match="no file to look at"):
            guess({}, Answers())

    def test_nothing_left_to_learn_from(self, tmp_path: Path) -> None:
        path = write_csv(
            tmp_path / "x.csv", ["id", "won", "email"], [[i, i % 2, f"{i}@x.com"] for i in range(60)]
        )
        with pytest.raises(UsageError, match="no column is left") as caught:
            guess({"leads": path}, Answers())
        assert "--keep" in str(caught.value)

    def test_outcomes_without_a_time(self, tmp_path: Path) -> None:
        leads = write_csv(
            tmp_path / "l.csv", ["id", "created", "size"], [[i, "2024-01-01", i % 3] for i in range(60)]
        )
        deals = write_csv(tmp_path / "d.csv", ["id", "outcome"], [[i, "won"] for i in range(20)])
        with pytest.raises(UsageError, match="no column says when the outcomes of 'deals' happened"):
            guess({"leads": leads, "deals": deals}, Answers())


class TestWrittenOtherwise:
    """Files as spreadsheets and other countries write them."""

    def german(self, folder: Path, encoding: str = "cp1252") -> Path:
        draw, rows = random.Random(1), []
        start = date(2023, 1, 1)
        for i in range(900):
            created = start + timedelta(days=draw.randrange(600))
            state = draw.choices(["Gewonnen", "Verloren", "Offen"], [2, 5, 5])[0]
            closed = "" if state == "Offen" else f"{created + timedelta(days=draw.randrange(2, 50)):%d.%m.%Y}"
            amount = f"{draw.uniform(100, 9000):.2f}".replace(".", ",")
            rows.append(
                [
                    f"L{i:04}",
                    f"{created:%d.%m.%Y}",
                    state,
                    closed,
                    draw.choice(["Köln", "Gießen", "keine Angabe"]),
                    amount,
                    "",
                ]
            )
        header = ["Lead-ID", "Erstellt am", "Leadstatus", "Abschlussdatum", "Stadt", "Umsatz", "Leer"]
        return write_csv(folder / "de.csv", header, rows, delimiter=";", encoding=encoding)

    @pytest.mark.parametrize("encoding", ["cp1252", "utf-8-sig", "utf-16"])
    def test_a_german_export_with_its_closing_date(self, tmp_path: Path, encoding: str) -> None:
        found = guess({"leads": self.german(tmp_path, encoding)}, Answers(zone="Europe/Berlin"))
        snapshots = trained_on(found, tmp_path)
        assert [c.name for c in snapshots.columns] == ["lead_age", "stadt", "umsatz"]
        leads, outcomes = found.sources["leads"].values, found.sources["outcomes"].values
        declared = {"cp1252": "cp1252", "utf-16": "utf-16"}.get(encoding)
        assert leads.get("encoding") == declared
        assert (leads["delimiter"], leads["decimal"], leads["time_format"], leads["zone"]) == (
            ";",
            ",",
            "%d.%m.%Y",
            "Europe/Berlin",
        )
        assert leads["missing"] == ["keine Angabe"]
        assert outcomes["occurred_at"] == "Abschlussdatum"
        assert found.model["zone"] == "Europe/Berlin"
        assert found.model["label"]["where"] == {"Leadstatus": "Gewonnen"}
        assert found.model["label"]["lost"] == {"Leadstatus": "Verloren"}
        assert found.left_out["leads", "Leer"] == "empty"

    def test_without_its_closing_date_there_is_no_clock(self, tmp_path: Path) -> None:
        found = guess({"leads": self.german(tmp_path)}, Answers(drop=("Abschlussdatum",)))
        assert "horizon" not in found.model["label"]
        assert "occurred_at" not in found.sources["leads"].values
        assert len(trained_on(found, tmp_path)) == 900

    @pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
    def test_delimiters(self, tmp_path: Path, delimiter: str) -> None:
        path = write_csv(
            tmp_path / "x.csv",
            ["id", "a, b", "c"],
            [[i, "x; y", "1,5"] for i in range(30)],
            delimiter=delimiter,
        )
        assert sniff(path).delimiter == delimiter

    def test_american_dates_are_told_from_ours_or_said_to_be_open(self, tmp_path: Path) -> None:
        rows: Rows = [
            [i, f"{1 + i % 12:02}/{1 + i % 28:02}/2024", ["won", "lost"][i % 2], "2025-01-01", i % 3]
            for i in range(200)
        ]
        path = write_csv(tmp_path / "x.csv", ["id", "created", "status", "closed_on", "size"], rows)
        values = (
            guess({"leads": path}, Answers(created="created", drop=("closed_on",))).sources["leads"].values
        )
        assert "time_format" not in values

    def test_namibia_is_no_gap(self, tmp_path: Path) -> None:
        countries = ["NA", "DE", "RO", "NO", "US"]
        path = write_csv(
            tmp_path / "x.csv",
            ["id", "won", "country"],
            [[i, i % 3 == 0, countries[i % 5]] for i in range(200)],
        )
        found = guess({"leads": path}, Answers())
        assert "missing" not in found.sources["leads"].values
        assert len(set(trained_on(found, tmp_path).table["country"].to_pylist())) == 5

    def test_names_that_toml_and_python_would_stumble_over(self, tmp_path: Path) -> None:
        header = ["id", "won", 'say "hi" = {x}', "kind", "Kind ", "2nd choice", "größe\\n"]
        rows: Rows = [
            [i, i % 3 == 0, "ab"[i % 2], "cd"[i % 2], "ef"[i % 2], "gh"[i % 2], i % 11] for i in range(120)
        ]
        found = guess({"leads": write_csv(tmp_path / "x.csv", header, rows)}, Answers())
        snapshots = trained_on(found, tmp_path)
        assert [c.name for c in snapshots.columns] == [
            "f_2nd_choice",
            "grosse_n",
            "kind_2",
            "kind_3",
            "say_hi_x",
        ]


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("company")
    simulate(folder / "data", Company(leads=1500, seed=2))
    return folder


class TestDated:
    def sources(self, company: Path) -> dict[str, Path]:
        return {name: company / "data" / f"{name}.parquet" for name in ("leads", "events", "outcomes")}

    def test_the_simulated_company(self, company: Path) -> None:
        found = guess(self.sources(company), Answers())
        snapshots = trained_on(found, company)
        train, test = snapshots.split()
        assert min(train.won.sum(), test.won.sum()) > 50
        assert found.model["population"] == {
            "source": "leads",
            "account": "account_id",
            "every": "7d",
            "max_age": "365d",
        }
        assert found.model["label"]["where"] == {"outcome": "won"}
        assert found.model["label"]["lost"] == {"outcome": "lost"}
        assert found.sources["leads"].values["display"] == ["name", "company"]
        assert "zone" not in found.sources["leads"].values
        assert set(found.features["fit"][2]) == {
            "country",
            "industry",
            "employees",
            "revenue",
            "seniority",
            "source",
            "campaign",
        }
        engagement, momentum = found.features["engagement"][2], found.features["momentum"][2]
        assert engagement["page_view"]["windows"] == ["7d", "30d", "90d"]
        assert engagement["events_duration_s"]["verb"] == "sum"
        assert engagement["events_page_kinds"]["verb"] == "distinct"
        assert momentum["last_page_view"]["verb"] == "recency"
        assert momentum["page_view_trend"]["windows"] == ["30d"]
        assert "lead_age" in momentum

    def test_the_base_rate_is_that_of_the_training_set(self, company: Path, tmp_path: Path) -> None:
        found = guess(self.sources(company), Answers())
        snapshots = trained_on(found, tmp_path)
        assert found.model["stages"]["mql"]["at_least"] == pytest.approx(snapshots.won.mean(), rel=0.05)
        train, test = snapshots.split()
        note = found.model_notes["evaluation"]
        assert str(int(test.won.sum())) in note
        assert f"{train.won.sum():,}" in note

    def test_an_event_that_comes_with_the_win_is_left_out(self, company: Path, tmp_path: Path) -> None:
        sources = self.sources(company)
        events, outcomes = parquet.read_table(sources["events"]), parquet.read_table(sources["outcomes"])
        won = outcomes.filter(pa.compute.equal(outcomes["outcome"], "won"))
        n = won.num_rows
        planted = pa.table(
            {"lead_id": won["lead_id"], "occurred_at": won["occurred_at"], "type": ["onboarding_call"] * n}
        )
        parquet.write_table(
            pa.concat_tables([events, planted], promote_options="default"), tmp_path / "events.parquet"
        )
        found = guess({**sources, "events": tmp_path / "events.parquet"}, Answers())
        assert "100% of its leads were won" in found.left_out["events", "type = onboarding_call"]
        assert "onboarding_call" not in found.features["engagement"][2]
        trained_on(found, tmp_path)

    def test_wins_only_and_a_key_under_another_name(self, tmp_path: Path) -> None:
        draw, start = random.Random(4), date(2024, 1, 1)
        signups, lessons, orders = [], [], []
        for i in range(800):
            day = start + timedelta(days=draw.randrange(250))
            signups.append([i, day, draw.choice(["DE", "RO", "NO"])])
            lessons += [
                [i, day + timedelta(days=draw.randrange(40)), round(draw.uniform(1, 60), 1)]
                for _ in range(draw.randrange(4))
            ]
            if draw.random() < 0.3:
                orders.append([1000 + i, i, day + timedelta(days=draw.randrange(3, 50))])
        sources = {
            "signups": write_csv(tmp_path / "s.csv", ["user_id", "registered_on", "country"], signups),
            "lessons": write_csv(tmp_path / "l.csv", ["student", "day", "minutes"], lessons),
            "orders": write_csv(tmp_path / "o.csv", ["order_id", "user_id", "ordered_on"], orders),
        }
        found = guess(sources, Answers())
        assert found.sources["lessons"].values["key"] == "student"
        assert found.model["label"]["where"] == {"order_id": {"ge": 0}}
        assert found.sources["signups"].values["zone"] == "UTC"
        assert said(found, "no zone", "--zone")
        assert len(trained_on(found, tmp_path)) > 1000

    def test_a_table_that_joins_with_nothing(self, company: Path, tmp_path: Path) -> None:
        other = write_csv(tmp_path / "x.csv", ["seller", "town"], [[f"S{i}", "here"] for i in range(30)])
        with pytest.raises(
            UsageError, match=r"no column of source 'sellers' names leads of 'leads'"
        ) as caught:
            guess({**self.sources(company), "sellers": other}, Answers())
        assert "--key sellers.COLUMN" in str(caught.value)


def test_tables_may_each_name_the_lead_otherwise(company: Path, tmp_path: Path) -> None:
    names = ("leads", "events", "outcomes")
    sources = {name: company / "data" / f"{name}.parquet" for name in names}
    events = parquet.read_table(sources["events"]).rename_columns({"lead_id": "who.did"})
    parquet.write_table(events, tmp_path / "events.parquet")
    sources["events"] = tmp_path / "events.parquet"
    found = guess(sources, Answers(key=("lead_id", "events.who.did")))
    assert [found.sources[name].values["key"] for name in names] == ["lead_id", "who.did", "lead_id"]


class TestClock:
    def leads(self, lag: float, days: int = 500) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        draw = np.random.default_rng(0)
        created = 19_000 + draw.uniform(0, days, 4000)
        won = np.where(draw.random(4000) < 0.2, created + draw.exponential(lag, 4000), np.nan)
        won[won > 19_000 + days] = np.nan
        return created, won, np.full(4000, np.nan)

    @pytest.mark.parametrize(("lag", "horizon"), [(3, 7), (15, 30), (30, 60)])
    def test_the_horizon_reaches_most_wins(self, lag: float, horizon: int) -> None:
        clock = choose_clock(*self.leads(lag), (19_000, 19_500), "outcomes")
        assert clock.horizon == horizon
        assert clock.covered >= 0.85

    def test_a_short_history_gets_a_shorter_horizon(self) -> None:
        created, won, lost = self.leads(60, days=200)
        clock = choose_clock(created, won, lost, (19_000, 19_200), "outcomes")
        assert clock.horizon < 90
        assert min(clock.train_wins, clock.test_wins) > 50

    def test_no_win_after_creation(self) -> None:
        created, _, lost = self.leads(10)
        with pytest.raises(UsageError, match="no lead was won after it was created"):
            choose_clock(created, created - 1, lost, (19_000, 19_500), "outcomes")

    def test_too_short_a_history(self) -> None:
        created, won, lost = self.leads(10, days=15)
        with pytest.raises(UsageError, match="too few to train on"):
            choose_clock(created, won, lost, (19_000, 19_015), "outcomes")

    @given(st.floats(0, 1))
    def test_thresholds_stand_in_order(self, base_rate: float) -> None:
        mql, ready = thresholds(base_rate)
        assert 0 < mql < ready < 1


@settings(max_examples=15, deadline=None)
@given(
    names=st.lists(
        st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12),
        min_size=1,
        max_size=4,
        unique=True,
    ),
    seed=st.integers(0, 99),
)
def test_whatever_columns_are_called_the_project_loads(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], seed: int
) -> None:
    folder, draw = tmp_path_factory.mktemp("any"), random.Random(seed)
    names = [n for n in names if n.strip().casefold() not in ("lead_id", "won", "size")]
    rows: Rows = [
        [f"L{i}", i % 3 == 0, draw.choice("xyz"), *(draw.choice("abc") for _ in names)] for i in range(60)
    ]
    path = write_csv(folder / "x.csv", ["lead_id", "won", "size", *names], rows)
    try:
        found = guess({"leads": path}, Answers(key=("lead_id",), label="leads.won=True"))
    except BadData:
        return
    write_project(found, folder)
    declarations = ProjectFiles.read(folder).declarations()
    assert all(c == c.strip("\n") for c in declarations.sources["leads"].columns or ())


REAL: dict[str, tuple[dict[str, str], Callable[[Guess], bool]]] = {
    "xeducation": (
        {"leads": "xeducation/Leads.csv"},
        lambda g: (
            g.sources["leads"].values["key"] == "Prospect ID"
            and g.model["label"]["where"] == {"Converted": 1}
            and sum("filled in with the outcome" in why for why in g.left_out.values()) == 9
            and "what_is_your_current_occupation" in g.features["fit"][2]
            and "total_time_spent_on_website" in g.features["behaviour"][2]
        ),
    ),
    "olist": (
        {
            "leads": "olist_funnel/olist_marketing_qualified_leads_dataset.csv",
            "deals": "olist_funnel/olist_closed_deals_dataset.csv",
        },
        lambda g: (
            g.sources["deals"].values["occurred_at"] == "won_date"
            and set(g.features["fit"][2]) == {"landing_page_id", "origin"}
        ),
    ),
    "ds365": (
        {
            "registrations": "ds365/365_student_info.csv",
            "learning": "ds365/365_student_learning.csv",
            "purchases": "ds365/365_student_purchases.csv",
        },
        lambda g: (
            g.model["label"]["source"] == "purchases"
            and "learning_minutes_watched" in g.features["engagement"][2]
            and said(g, "66% of the wins")
        ),
    ),
}


@data
@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_real_data(name: str, tmp_path: Path) -> None:
    files, expected = REAL[name]
    found = guess(
        {source: Path(os.environ["LQMODEL_DATA"]) / file for source, file in files.items()}, Answers()
    )
    train, test = trained_on(found, tmp_path).split()
    assert min(train.won.sum(), test.won.sum()) > 300
    assert expected(found)


@data
def test_a_web_shop_without_ids_is_refused_with_a_way_out() -> None:
    path = Path(os.environ["LQMODEL_DATA"]) / "uci_shoppers" / "online_shoppers_intention.csv"
    with pytest.raises(UsageError, match="no column names the lead"):
        guess({"shop": path}, Answers())
