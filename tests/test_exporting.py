"""`lqmodel export`: from a run to a folder of files, whole or absent, the same for the same run."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from conftest import Ended
from crm_validator import problems, table
from killed import scores
from once import once
from projects import contents, train, write_company, write_flat

from lqmodel.bundle import Bundle
from lqmodel.declarations import DAY, ProjectFiles
from lqmodel.errors import BadData, ColumnMissing, Refused, UsageError
from lqmodel.exporting import Export, export, export_folder, forget, write_export
from lqmodel.exporting.reading import read_held
from lqmodel.files import file_sha256, read_manifest
from lqmodel.ledger import Ledger
from lqmodel.nightly import record
from lqmodel.runs import Run, write_run

Call = Callable[..., Ended]
NIGHTS = ("2024-12-16T00:00Z", "2024-12-23T00:00Z", "2024-12-30T00:00Z")
CRM = """
[crm.hubspot]
key = "vid"
lead_page = "https://leads.example.com/leads/{lead_id}"
closed = { deal = "won" }
present = { lifecyclestage = "lifecycle" }
[crm.nutshell]
"""


@pytest.fixture(scope="session")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A company whose leads have records in a CRM, scored on three Mondays. Not to be written into."""

    def build(root: Path) -> None:
        write_company(root, 900)
        train(root, register=0)
        model = root / "models" / "lead_conversion.toml"
        model.write_text(model.read_text() + CRM)
        with_records(root)
        for night in NIGHTS:
            command = f"predict --model {root}/bundle --project {root} --as-of {night}"
            subprocess.run(
                [sys.executable, "-m", "lqmodel", *command.split()], check=True, capture_output=True
            )

    return once(tmp_path_factory, "nights", build)


def with_records(root: Path) -> None:
    """Every lead has a record but each hundredth; each tenth is an opportunity, and each fiftieth is won."""
    path = root / "data" / "leads.parquet"
    leads = pq.read_table(path)
    n = range(len(leads))
    records = [None if i % 100 == 99 else 10_000 + i for i in n]
    lifecycle = ["opportunity" if i % 10 == 5 else "lead" for i in n]
    deals = ["Won" if i % 50 == 7 else None for i in n]
    columns = {
        "vid": pa.array(records, pa.int64()),
        "lifecycle": lifecycle,
        "deal": pa.array(deals, pa.string()),
    }
    for name, values in columns.items():
        leads = leads.append_column(name, pa.array(values) if isinstance(values, list) else values)
    pq.write_table(leads, path)


@pytest.fixture
def project(nights: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(nights, tmp_path / "project", symlinks=True))


def runs(project: Path) -> list[Run]:
    return [Run.open(p) for p in sorted((project / "scores").glob("2*"))]


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def problems_of(folder: Path, crm: str) -> list[str]:
    names = [p for p in sorted(folder.glob("*.csv")) if p.name != "rejects.csv"]
    assert names
    return [f"{p.name}: {text}" for p in names for text in problems(crm, p.name, p.read_bytes())]


def test_a_run_becomes_files_that_the_importer_takes(project: Path, lqmodel: Call) -> None:
    raw = {p: file_sha256(p) for p in (project / "scores" / "latest").resolve().rglob("*")}
    ended = lqmodel("export", "--crm", "hubspot", "--project", project, "--set-stage")
    assert (ended.code, ended.err) == (0, "")
    last = runs(project)[-1]
    folder = export_folder(last, "hubspot")
    assert str(folder) in ended.out
    assert problems_of(folder, "hubspot") == []
    scored = last.table.filter(pc.equal(last.table["status"], "scored"))
    found = {row["Record ID"]: row for row in rows(folder, "contacts.csv")}
    rejects = rows(folder, "rejects.csv")
    refused = {r["lead_id"] for r in rejects if "left as it is" not in r["reason"]}
    assert len(found) + len(refused) == len(scored)
    whys = {r["reason"].split(":")[0] for r in rejects}
    assert whys == {
        "the leads' source names no record of it",
        "closed in HubSpot",
        "its stage is left as it is",
    }
    ids = dict(
        zip(
            *(pq.read_table(project / "data" / "leads.parquet")[c].to_pylist() for c in ("lead_id", "vid")),
            strict=True,
        )
    )
    for row in scored.to_pylist():
        if row["lead_id"] in refused:
            continue
        cells = found[str(ids[row["lead_id"]])]
        assert float(cells["lq_probability"]) == row["probability"]
        assert int(cells["lq_score"]) == int(row["score"])
        assert cells["lq_stage"] == row["stage"]
        assert cells["lq_reasons"].removeprefix("'") == row["reasons_up"]
        assert cells["lq_model_version"] == last.bundle_version
        assert cells["lq_scored_at"] == "2024-12-30"
        assert cells["lq_link"].endswith(f"/leads/{row['lead_id']}")
    assert raw == {p: file_sha256(p) for p in last.folder.rglob("*")}, "the run stays as it is, Parquet raw"
    manifest = read_manifest(folder)
    assert manifest["rows"]["contacts.csv"] == len(found)
    assert manifest["run_id"] == last.run_id
    assert Run.open(project / "scores" / "latest").run_id == last.run_id, "files are no run"


def test_law_10_the_same_export_gives_the_same_bytes(project: Path, lqmodel: Call, tmp_path: Path) -> None:
    for output in (tmp_path / "one", tmp_path / "two", tmp_path / "one"):
        for more in (["--set-stage"], []):
            ended = lqmodel("export", "--crm", "hubspot", "--project", project, "--output", output, *more)
            assert ended.code == 0
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    leads = project / "data" / "leads.parquet"
    pq.write_table(pq.read_table(leads).take(list(range(899, -1, -1))), leads)
    lqmodel("export", "--crm", "hubspot", "--project", project, "--output", tmp_path / "three")
    assert contents(tmp_path / "three") == contents(tmp_path / "one"), "the order of rows changes nothing"


def test_a_dry_run_tells_and_writes_nothing(project: Path, lqmodel: Call) -> None:
    before = contents(project)
    earlier = runs(project)[1].folder
    call = ("export", "--crm", "hubspot", "--project", project, "--changes-from", earlier, "--dry-run")
    ended = lqmodel(*call)
    assert ended.code == 0
    assert contents(project) == before
    first, *rest = ended.out.splitlines()
    assert first == f"HubSpot, run {runs(project)[-1].run_id}, held against run {runs(project)[1].run_id}"
    assert any(line.startswith("left out") and "0.05 of what they were" in line for line in rest)
    assert any(line.startswith("rejected") for line in rest)
    assert any("lq_probability 0." in line and " → 0." in line for line in rest)
    told = json.loads(lqmodel(*call, "--format", "json").out)
    assert told["sheets"]["contacts"] == len(told["changes"])
    scored = runs(project)[-1].manifest["counts"]["scored"]
    assert len(told["changes"]) + told["left_out"] + len(told["rejects"]) == scored
    for change in told["changes"]:
        then, now = change["fields"].get("lq_probability", [1, 2])
        assert then != now


def test_a_mapping_under_which_no_lead_is_written_is_refused(project: Path, lqmodel: Call) -> None:
    file = project / "models" / "lead_conversion.toml"
    text = re.sub(r"(?s)\n\[crm\..*", "\n[crm.hubspot]\n", file.read_text())
    file.write_text(text)
    run = runs(project)[-1]
    n = run.manifest["counts"]["scored"]
    for dry in ([], ["--dry-run"]):
        ended = lqmodel("export", "--crm", "hubspot", "--run", run.folder.name, "--project", project, *dry)
        assert ended.code == 1
        assert f"rejected               {n:,}, such as lead " in ended.out
        assert f"all {n:,} leads were rejected; of " in ended.err
        assert "key = the column" in ended.err
    assert (run.folder.parent / "crm" / "hubspot" / run.folder.name / "rejects.csv").is_file()


def test_changes_are_held_against_what_the_files_told_the_crm(project: Path) -> None:
    first, second, third = runs(project)
    write_export(export(first, "nutshell", project))
    since = export(second, "nutshell", project, changes_from=first)
    write_export(since)
    by_files = export(third, "nutshell", project, changes_from=second)
    held = {s.lead_id: s for s in since.plan.sent}
    left = {s.lead_id for s in since.plan.sent} - {c.lead_id for c in since.plan.changes}
    assert left, "some moved too little to be written on the second night"
    earlier = {s.lead_id: s for s in export(first, "nutshell", project).plan.sent}
    assert all(held[lead_id].probability == earlier[lead_id].probability for lead_id in left)
    shutil.rmtree(export_folder(second, "nutshell"))
    by_run = export(third, "nutshell", project, changes_from=second)
    assert {c.lead_id for c in by_files.plan.changes} != {c.lead_id for c in by_run.plan.changes}


def test_predict_writes_the_files_as_well(project: Path, lqmodel: Call) -> None:
    shutil.rmtree(project / "scores")
    call = ("predict", "--model", project / "bundle", "--project", project, "--as-of", NIGHTS[2])
    ended = lqmodel(*call, "--crm", "nutshell", "--format", "json")
    assert ended.code == 0
    run_id = json.loads(ended.out)["run_id"]
    (folder,) = (project / "scores" / "crm" / "nutshell").iterdir()
    assert folder.name.endswith(run_id)
    assert f"files                  {folder}" in ended.err
    assert problems_of(folder, "nutshell") == []
    assert "Tag" not in (folder / "leads.csv").read_text(encoding="utf-8").splitlines()[0]


def test_without_a_project_the_mapping_of_the_bundle_serves(project: Path) -> None:
    """A mapping that is declared later needs no training; a bundle alone has the one that it was trained with."""
    run, bundle = runs(project)[-1], Bundle.load(project / "bundle")
    with_mapping = replace(bundle, declarations=ProjectFiles.read(project).declarations())
    assert with_mapping.declarations.fingerprint() == bundle.declarations.fingerprint()
    shutil.rmtree(project / "models")
    with pytest.raises(UsageError, match=r"declares no \[crm.nutshell\]") as refused:
        export(run, "nutshell", project)
    assert "add [crm.nutshell]; docs/crm.md says what it holds" in str(refused.value)
    with_mapping.save(project / "mapped")
    found = export(made_by(run, project / "mapped"), "hubspot", project)
    assert found.plan.sheets["contacts"]


def made_by(run: Run, bundle: Path) -> Run:
    model = {**run.manifest["model"], "address": str(bundle)}
    return replace(run, manifest={**run.manifest, "model": model})


@pytest.mark.parametrize(
    ("crm", "parts"),
    [
        ("hubsport", ("no CRM 'hubsport'", "do: write --crm hubspot")),
        ("pipedrive", ("no CRM 'pipedrive'", "there is: hubspot, salesforce, dynamics, nutshell")),
        ("salesforce", ("declares no [crm.salesforce]", "there is: hubspot, nutshell")),
    ],
)
def test_a_crm_that_is_not_declared(project: Path, lqmodel: Call, crm: str, parts: tuple[str, ...]) -> None:
    lqmodel("export", "--crm", crm, "--project", project).refused(2, *parts)


def test_predict_refuses_such_a_crm_before_it_scores(project: Path, lqmodel: Call) -> None:
    before = contents(project)
    call = ("predict", "--model", project / "bundle", "--project", project, "--as-of", "2025-01-06T00:00Z")
    lqmodel(*call, "--crm", "salesforce").refused(
        2, "models/lead_conversion.toml declares no [crm.salesforce]"
    )
    lqmodel(*call, "--crm", "hubsport").refused(2, "no CRM 'hubsport'", "write --crm hubspot")
    assert contents(project) == before


def test_a_column_of_the_leads_source_that_was_renamed(project: Path, lqmodel: Call) -> None:
    path = project / "data" / "leads.parquet"
    leads = pq.read_table(path)
    names = ["life_cycle" if name == "lifecycle" else name for name in leads.column_names]
    pq.write_table(leads.rename_columns(names), path)
    ended = lqmodel("export", "--crm", "hubspot", "--project", project)
    ended.refused(65, "no column 'lifecycle'", "did you mean 'life_cycle'?")
    lqmodel("export", "--crm", "nutshell", "--project", project)
    with pytest.raises(ColumnMissing):
        export(runs(project)[-1], "hubspot", project)


def test_another_file_of_the_leads_can_be_given(project: Path, lqmodel: Call) -> None:
    path = project / "data" / "leads.parquet"
    path.rename(project / "moved.parquet")
    call = ("export", "--crm", "hubspot", "--project", project)
    lqmodel(*call).refused(66, "no file")
    assert lqmodel(*call, "--source", f"leads={project / 'moved.parquet'}").code == 0
    lqmodel(*call, "--source", "laeds=x").refused(2, "no source 'laeds' to override", "write 'leads'")


def test_which_runs_can_be_compared(project: Path, lqmodel: Call) -> None:
    first, second, _ = runs(project)
    with pytest.raises(UsageError, match="is not earlier than run"):
        export(first, "nutshell", project, changes_from=second)
    with pytest.raises(UsageError, match="is not earlier than run"):
        export(first, "nutshell", project, changes_from=first)
    other = write_run(replace(scores(1), model="another"), project / "others", "here")
    with pytest.raises(UsageError, match="is of model 'another', and run"):
        export(first, "nutshell", project, changes_from=other)
    call = ("export", "--crm", "nutshell", "--project", project)
    lqmodel(*call, "--changes-from", project / "scores" / "nowhere").refused(66, "no run in")


@pytest.mark.parametrize("name", ["sent.parquet", "manifest.json"])
def test_files_that_were_changed_are_nothing_to_compare_with(project: Path, name: str) -> None:
    first, second, _ = runs(project)
    folder = write_export(export(first, "nutshell", project))
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(BadData, match=f"{name} was changed after it was written") as refused:
        export(second, "nutshell", project, changes_from=first)
    assert "write these files again" in str(refused.value)


def test_another_folder_is_not_overwritten(project: Path, lqmodel: Call, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    call = ("export", "--crm", "nutshell", "--project", project, "--output", tmp_path / "mine")
    lqmodel(*call).refused(73, "stands already and holds other things")
    assert contents(tmp_path / "mine") == {"notes.txt": b"mine"}


def test_a_stage_without_acceptance_is_not_set_where_the_project_demands_one(project: Path) -> None:
    """A bundle that was trained when the handoff alone made SQL."""
    run, bundle = runs(project)[-1], Bundle.load(project / "bundle")
    replace(bundle, policy=replace(bundle.policy, sql_after="handoff")).save(project / "other")
    moved = made_by(run, project / "other")
    assert "stage-forward" not in export(moved, "hubspot", project).plan.sheets
    with pytest.raises(Refused, match="demand that a person accepts before SQL"):
        export(moved, "hubspot", project, set_stage=True)


def test_a_suppressed_lead_is_never_given_a_score(project: Path) -> None:
    first, second, _ = runs(project)
    write_export(export(first, "nutshell", project))
    lead_id = next(s.lead_id for s in export(first, "nutshell", project).plan.sent)
    whole = second.table
    status = pc.if_else(pc.equal(whole["lead_id"], lead_id), "suppressed", whole["status"])
    object.__setattr__(
        second, "table", whole.set_column(whole.schema.get_field_index("status"), "status", status)
    )
    made = export(second, "nutshell", project, changes_from=first)
    folder = write_export(made, project / "files")
    (row,) = rows(folder, "suppressed.csv")
    assert row.pop("Legacy ID") == lead_id
    assert set(row.values()) == {""}
    others = [p.read_bytes() for p in folder.glob("*.csv") if p.name != "suppressed.csv"]
    assert not any(lead_id.encode() in data for data in others)
    assert lead_id not in pq.read_table(folder / "sent.parquet")["lead_id"].to_pylist()


def test_a_run_by_points_without_a_clock(tmp_path: Path, lqmodel: Call) -> None:
    write_flat(tmp_path)
    model = tmp_path / "models" / "flat.toml"
    points = "\n[points]\nmql = 10\nsales_ready = 30\nfor = { visits = { ge = 3, points = 12 }, employees = { ge = 200, points = 20 } }\n"
    model.write_text(
        model.read_text() + points + '[crm.nutshell.fields]\npoints = "LQ Points"\n[crm.dynamics]\n'
    )
    call = ("predict", "--points", "--project", tmp_path)
    assert lqmodel(*call).code == 0
    assert lqmodel("export", "--crm", "nutshell", "--project", tmp_path, "--set-stage").code == 0
    (folder,) = (tmp_path / "scores" / "crm" / "nutshell").iterdir()
    assert problems_of(folder, "nutshell") == []
    head, found = table((folder / "leads.csv").read_bytes())
    assert head == ["Legacy ID", "LQ Score", "LQ Points", "LQ Stage", "LQ Reasons", "LQ Model Version"]
    assert {row[2] for row in found} == {"0", "12", "20", "32"}
    assert table((folder / "stage-forward.csv").read_bytes())[0] == ["Legacy ID", "Tag", "Note"]


def test_large_exports_are_several_files(project: Path) -> None:
    model = project / "models" / "lead_conversion.toml"
    model.write_text(model.read_text().replace("[crm.nutshell]", "[crm.nutshell]\nrows_per_file = 100"))
    made = export(runs(project)[-1], "nutshell", project)
    folder = write_export(made)
    parts = sorted(folder.glob("leads-*.csv"))
    assert len(parts) == -(-len(made.plan.sheets["leads"]) // 100) > 1
    assert "leads-1.csv (100 rows), leads-2.csv" in (folder / "load.txt").read_text(encoding="utf-8")


def test_leads_that_come_back_have_their_newest_record(tmp_path: Path) -> None:
    write_flat(tmp_path)
    (tmp_path / "leads.csv").write_text("id,at,vid\na,2024-01-01,1\na,2024-03-01,2\nb,2024-01-01,7\n")
    sources = '[leads]\nuri = "leads.csv"\nkey = "id"\noccurred_at = "at"\nzone = "UTC"\n[outcomes]\nuri = "o.csv"\nkey = "id"\noccurred_at = "at"\nzone = "UTC"\n'
    (tmp_path / "features" / "sources.toml").write_text(sources)
    (tmp_path / "features" / "fit.toml").write_text(
        'kind = "fit"\n[age]\nsource = "leads"\nverb = "recency"\n'
    )
    (tmp_path / "models" / "flat.toml").write_text(
        'features = ["fit"]\n[label]\nsource = "outcomes"\nhorizon = "30d"\n[population]\nevery = "7d"\nepisodes = true\n'
        '[stages.mql]\nat_least = 0.2\n[stages.sales_ready]\nat_least = 0.5\n[crm.hubspot]\nkey = "vid"\n'
    )
    found = ProjectFiles.read(tmp_path).declarations()
    declared = found.model.crm.hubspot
    assert declared is not None
    february, april = 1_706_745_600_000_000, 1_711_929_600_000_000
    for as_of, vid in ((february, "1"), (april, "2")):
        held = read_held(found, declared, tmp_path, {}, as_of, None)
        assert held == {"a": {"vid": vid}, "b": {"vid": "7"}}


def test_nothing_heavy_is_imported(project: Path) -> None:
    code = (
        "import sys; sys.argv = ['lqmodel', 'export', '--crm', 'hubspot', '--project', sys.argv[1]]\n"
        "from lqmodel.cli import app; app(standalone_mode=False)\n"
        "print('heavy', sorted({m.split('.')[0] for m in sys.modules} & {'lightgbm', 'mlflow', 'sklearn', 'shap'}))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, str(project)], capture_output=True, text=True, check=True
    )
    assert "heavy []" in ended.stdout


def test_an_export_shows_itself(project: Path) -> None:
    made: Export = export(runs(project)[-1], "hubspot", project, set_stage=True)
    text = str(made)
    assert text.startswith("HubSpot, run ")
    assert "stages" in text
    assert "its stage is left as it is: lifecyclestage is 'opportunity': people set it" in text
    assert "more; --format json shows all" in text


def test_erased_leads_are_in_no_file_any_more(project: Path) -> None:
    first, second, third = runs(project)
    write_export(export(first, "hubspot", project, set_stage=True))
    write_export(export(second, "hubspot", project, changes_from=first, set_stage=True))
    write_export(export(second, "nutshell", project))
    sent = {s.lead_id: s.key for s in export(first, "hubspot", project).plan.sent}
    written = next(lead_id for lead_id, key in sent.items() if key)
    refused = export(first, "hubspot", project).plan.rejects[0].lead_id
    out = first.folder.parent
    before = contents(out / "crm")
    assert any(
        f",{written},".encode() in data or f"/leads/{written}".encode() in data for data in before.values()
    )
    assert forget(out, [written, refused]) == 3
    after = contents(out / "crm")
    for name, data in after.items():
        if name.endswith(".csv"):
            cells = {cell for row in csv.reader(data.decode().splitlines()) for cell in row}
            assert not {written, refused, sent[written]} & cells, name
            assert f"/leads/{written}".encode() not in data
    for folder in (export_folder(first, "hubspot"), export_folder(second, "nutshell")):
        manifest = read_manifest(folder)
        assert manifest["erased"] == 2
        assert {written, refused}.isdisjoint(pq.read_table(folder / "sent.parquet")["lead_id"].to_pylist())
        for name, n in manifest["rows"].items():
            assert len(rows(folder, name)) == n
            assert f"{name} ({n:,} row" in (folder / "load.txt").read_text(encoding="utf-8")
    assert forget(out, [written, refused]) == 0, "again changes nothing"
    assert contents(out / "crm") == after
    assert export(third, "hubspot", project, changes_from=second).plan.sheets, (
        "the next night goes on from it"
    )


def test_who_got_a_handoff_stands_in_the_files_once_the_runs_are_recorded(project: Path) -> None:
    """The owners are those of the ledger: by the declared rule, and with the lead as long as sales has it."""
    before, last = runs(project)[-2:]
    plain = write_export(export(last, "hubspot", project))
    assert "lq_owner" not in rows(plain, "contacts.csv")[0], "nothing is known: nothing is emptied"
    write_export(export(before, "hubspot", project))
    for run in runs(project):
        record(run, project, (run.as_of or 0) + DAY // 8)
    given = Ledger.of(project).given("lead_conversion")
    made = export(last, "hubspot", project)
    folder = write_export(made)
    assert problems_of(folder, "hubspot") == []
    owners = {row["Record ID"]: row["lq_owner"] for row in rows(folder, "contacts.csv")}
    leads = {str(row["vid"]): row for row in pq.read_table(project / "data" / "leads.parquet").to_pylist()}
    stages = {row["lead_id"]: row["stage"] for row in last.table.to_pylist()}
    handed = {lead: each.owner for (_, lead), each in sorted(given.items())}
    for key, owner in owners.items():
        lead = leads[key]["lead_id"]
        expected = handed[lead] if stages[lead] in ("sales-ready", "SAL", "SQL") else ""
        assert owner == expected, lead
    named = {owner for owner in owners.values() if owner}
    assert named == {"seller 1", "seller 2", "seller 3", "seller 4"}
    changes = export(last, "hubspot", project, changes_from=before).plan
    told = {c.lead_id for c in changes.changes if "lq_owner" in c.fields}
    assert told == {lead for lead, owner in handed.items() if stages.get(lead) == "sales-ready" and owner} & {
        change.lead_id for change in changes.changes
    }, "the files of the night before held no owners: all are told"
    keys = {row["lead_id"]: str(row["vid"]) for row in leads.values()}
    only_last = {lead for lead in handed if all(as_of == last.as_of for as_of, each in given if each == lead)}
    night_before = {
        row["Record ID"]: row["lq_owner"]
        for row in export(before, "hubspot", project).plan.sheets["contacts"]
    }
    assert {night_before.get(keys[lead]) for lead in only_last} == {None}, "they were given away a week later"


def test_a_first_export_that_sets_stages_blindly_says_what_to_do(project: Path, lqmodel: Call) -> None:
    model = project / "models" / "lead_conversion.toml"
    text = model.read_text()
    model.write_text(text.replace('present = { lifecyclestage = "lifecycle" }\n', ""))
    ended = lqmodel("export", "--crm", "hubspot", "--project", project, "--set-stage")
    assert ended.code == 0
    assert re.search(r"not known +which lifecyclestage HubSpot holds now, of [\d,]+ leads", ended.out)
    told = (export_folder(runs(project)[-1], "hubspot") / "load.txt").read_text()
    assert told.index("BEFORE YOU LOAD: nothing says which lifecyclestage HubSpot holds now") < told.index(
        "1. "
    )
    assert 'present = { lifecyclestage = "THE COLUMN" }' in told
    model.write_text(text)
    assert "not known" not in lqmodel("export", "--crm", "hubspot", "--project", project, "--set-stage").out
