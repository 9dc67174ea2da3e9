"""Files as people have them: what is read, and in which words the rest is refused."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from strategies import declare, timestamps, write

from lqmodel.declarations import Declarations, Source
from lqmodel.engine import KEY, TEXT, connect, fetch, text_of
from lqmodel.errors import BadData, ColumnMissing, LqmodelError, NoInput, UsageError, WrongType
from lqmodel.inputs import open_inputs
from lqmodel.sources import Reading, check_overrides, header, read, readings, resolve

READING = Reading(frozenset({"size"}), frozenset({"branch"}), {"size": 1000})


def source(**more: Any) -> Source:
    return Source(uri="t.csv", key="id", **more)


def rows(path: Path, declared: Source | None = None, reading: Reading = READING) -> list[dict[str, Any]]:
    con = connect(threads=1)
    table = fetch(read(con, "t", declared or source(), [str(path)], reading))
    return sorted(table.to_pylist(), key=lambda row: str(row[KEY]))


def text_file(folder: Path, content: str | bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refusal(kind: type[LqmodelError], call: Callable[[], Any]) -> str:
    with pytest.raises(kind) as caught:
        call()
    assert type(caught.value) is kind
    return str(caught.value)


# --- what is read ----------------------------------------------------------------------------------


def test_csv_and_parquet_give_the_same_table(tmp_path: Path) -> None:
    csv = text_file(tmp_path, 'id,branch,size,other\n1,"a, b",2.5,x\n2,,,\n3,ü,-1e3,"line\nbreak"\n')
    parquet = write(
        tmp_path,
        "t",
        other=["x", "", ""],
        size=pa.array([2.5, float("nan"), -1000.0]),
        id=pa.array([1, 2, 3]),
        branch=["a, b", "", "ü"],
    )
    expected = [
        {KEY: "1", "branch": "a, b", "size": 2.5},
        {KEY: "2", "branch": None, "size": None},
        {KEY: "3", "branch": "ü", "size": -1000.0},
    ]
    assert rows(csv) == rows(parquet) == expected


@pytest.mark.parametrize(
    ("content", "declared"),
    [
        ("\ufeffid,branch,size\n1,Käse,2.5\n", {}),
        ("id,branch,size\r\n1,Käse,2.5\r\n", {}),
        ("id;branch;size\n1;Käse;2,5\n", {"delimiter": ";", "decimal": ","}),
        ("id\tbranch\tsize\n1\tKäse\t2.5\n", {"delimiter": "\t"}),
        ("id,branch,size\n1,Käse,2.5\n".encode("cp1252"), {"encoding": "cp1252"}),
        ("id,branch,size\n1,Käse,2.5\n".encode("latin-1"), {"encoding": "latin-1"}),
        ("id,branch,size\n1,Käse,2.5\n".encode("utf-16"), {"encoding": "utf-16"}),
    ],
)
def test_csv_as_spreadsheets_write_it(tmp_path: Path, content: str | bytes, declared: dict[str, str]) -> None:
    assert rows(text_file(tmp_path, content), source(**declared)) == [
        {KEY: "1", "branch": "Käse", "size": 2.5}
    ]


def test_a_compressed_csv_is_read(tmp_path: Path) -> None:
    path = text_file(tmp_path, gzip.compress(b"id,branch,size\n1,a,2\n"), "t.csv.gz")
    assert rows(path) == [{KEY: "1", "branch": "a", "size": 2.0}]
    assert header(path, source()) == ["id", "branch", "size"]


def test_a_folder_of_parquet_files_is_one_table(tmp_path: Path) -> None:
    folder = tmp_path / "lake[1]"
    (folder / "2026").mkdir(parents=True)
    write(folder, "a", id=["1"], branch=["x"], size=[1.0])
    write(folder / "2026", "b", size=[2.0], id=["2"], branch=["y"])
    write(folder, "c", id=["3"], size=[3.0])  # written before the column was there
    write(folder, "_ignored", id=["4"], branch=["z"], size=[4.0])
    found = rows(folder)
    assert [(r[KEY], r["branch"], r["size"]) for r in found] == [
        ("1", "x", 1.0),
        ("2", "y", 2.0),
        ("3", None, 3.0),
    ]


@pytest.mark.parametrize(
    "name", ["a column", "Größe, netto", 'say "so"', "as_of", "won", "n", "x", "group", "count"]
)
def test_columns_may_be_called_anything(tmp_path: Path, name: str) -> None:
    reading = Reading(frozenset(), frozenset({name}), {})
    quoted = '"' + name.replace('"', '""') + '"'
    csv = text_file(tmp_path, f"id,{quoted}\n1,v\n")
    parquet = write(tmp_path, "t", **{"id": ["1"], name: ["v"]})
    for path in (csv, parquet):
        assert rows(path, reading=reading) == [{KEY: "1", name: "v"}]


def test_an_empty_column_works_and_stays_missing(tmp_path: Path) -> None:
    for column in (pa.nulls(2), pa.nulls(2, pa.string()), pa.nulls(2, pa.float64())):
        path = write(tmp_path, "t", id=["1", "2"], branch=column, size=column)
        assert [(r["branch"], r["size"]) for r in rows(path)] == [(None, None), (None, None)]
    csv = text_file(tmp_path, "id,branch,size\n1,,\n2,,\n")
    assert [(r["branch"], r["size"]) for r in rows(csv)] == [(None, None), (None, None)]


def test_declared_texts_are_missing(tmp_path: Path) -> None:
    path = text_file(tmp_path, "id,branch,size\nn/a,n/a,n/a\n2,NULL,3\n")
    assert rows(path, source(missing=("n/a", "NULL"))) == [
        {KEY: "2", "branch": None, "size": 3.0},
        {KEY: "n/a", "branch": None, "size": None},
    ]


@pytest.mark.parametrize("kind", [pa.int64(), pa.float64(), pa.decimal128(19, 0), pa.string()])
def test_ids_are_the_same_text_whatever_their_type(tmp_path: Path, kind: pa.DataType) -> None:
    ids = pa.array([7, 1_000_000], pa.int64()).cast(kind)
    path = write(tmp_path, "t", id=ids, branch=["a", "b"], size=[1, 2])
    assert {r[KEY] for r in rows(path)} == {"7", "1000000"}


@pytest.mark.parametrize(
    ("text", "number"),
    [("1.234,5", 1234.5), ("-0,25", -0.25), ("1.234.567", 1234567.0), ("7", 7.0), ("2,5e3", 2500.0)],
)
def test_decimal_commas(tmp_path: Path, text: str, number: float) -> None:
    path = text_file(tmp_path, f"id;branch;size\n1;a;{text}\n")
    assert rows(path, source(delimiter=";", decimal=","))[0]["size"] == number


@pytest.mark.parametrize("text", ["1.5", "12.34,5", "1,234,5"])
def test_decimal_points_where_commas_are_declared_are_refused(tmp_path: Path, text: str) -> None:
    path = text_file(tmp_path, f'id;branch;size\n1;a;"{text}"\n')
    told = refusal(WrongType, lambda: rows(path, source(delimiter=";", decimal=",")))
    assert f"1 rows do not, such as {text!r}" in told


def test_what_is_read_follows_from_the_declarations() -> None:
    found = readings(declare())
    assert found["events"].numbers == {"duration_s"}
    assert found["events"].texts == {"type", "page", "flagged"}
    assert found["events"].scales == {"duration_s": 1000}
    assert found["profiles"].columns == ["plan", "seats"]
    assert found["outcomes"].texts == {"outcome"}
    assert readings(declare(), with_label=False)["outcomes"].columns == []


def test_what_is_no_number_is_text(tmp_path: Path) -> None:
    """So that no engine has to write truths, dates or floats as text in a way of its own."""
    cases = {
        "true": pa.array([True]),
        "2024-02-29": pa.array([19782], pa.date32()),
        "7": pa.array([7.0]),
        "0.1": pa.array([0.1]),
    }
    for text, column in cases.items():
        path = write(tmp_path, "t", id=["1"], branch=column, size=[1.0])
        assert rows(path)[0]["branch"] == text


def test_a_number_whose_text_counts_is_read_as_both(tmp_path: Path) -> None:
    events = {
        "long": {"source": "events", "verb": "count", "where": {"duration_s": {"ge": 5}}, "windows": ["7d"]},
        "five": {"source": "events", "verb": "count", "where": {"duration_s": ["5"]}, "windows": ["7d"]},
    }
    assert readings(declare(features={"engagement": events}))["events"].both == {"duration_s"}
    assert readings(declare())["events"].both == set()
    reading = Reading(frozenset({"size"}), frozenset(), {}, frozenset({"size"}))
    parquet = write(tmp_path, "t", id=["1", "2", "3"], size=[5.0, 2.5, float("nan")])
    assert [(r["size"], r[TEXT + "size"]) for r in rows(parquet, reading=reading)] == [
        (5.0, "5"),
        (2.5, "2.5"),
        (None, None),
    ]
    csv = text_file(tmp_path, "id,size\n1,05\n2,\n")
    assert [(r["size"], r[TEXT + "size"]) for r in rows(csv, reading=reading)] == [(5.0, "05"), (None, None)]


def test_the_text_of_a_number_that_was_not_read_is_no_guess() -> None:
    facts = ibis.table({"a": "float64", "b": "int64", "__text_c": "string", "c": "float64"}, name="t")
    assert text_of(facts, "c").get_name() == "__text_c"
    assert text_of(facts, "b").type().is_string()
    with pytest.raises(TypeError, match="the text of column 'a' was not read"):
        text_of(facts, "a")


# --- what is refused -------------------------------------------------------------------------------


def test_a_missing_file(tmp_path: Path) -> None:
    text_file(tmp_path, "", "leads.csv")
    assert refusal(NoInput, lambda: rows(tmp_path / "lead.csv")) == (
        f"source 't': no file {tmp_path}/lead.csv\n"
        "  there is: leads.csv\n"
        "  do: give its place with --source t=FILE, or mend uri in features/sources.toml"
    )


def test_an_unknown_kind_of_file(tmp_path: Path) -> None:
    path = text_file(tmp_path, "x", "leads.xlsx")
    assert refusal(UsageError, lambda: rows(path)) == (
        "source 't': cannot read leads.xlsx\n"
        "  there is: .csv, .tsv, .txt, .csv.gz, .parquet, .pq, a folder of Parquet files\n"
        "  do: export the table to one of these"
    )


def test_a_folder_without_parquet(tmp_path: Path) -> None:
    text_file(tmp_path, "x", "notes.md")
    assert refusal(NoInput, lambda: rows(tmp_path)) == (
        f"source 't': no Parquet file in {tmp_path}\n"
        "  there is: notes.md\n"
        "  do: name one of these files, or another folder"
    )


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_missing_column(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path, "t", id=["1"], Branche=["a"], size=[1])
    if suffix == "csv":
        path = text_file(tmp_path, "id,Branche,size\n1,a,1\n")
    assert refusal(ColumnMissing, lambda: rows(path)) == (
        f"source 't': {path}: no column 'branch'\n"
        "  there is: id, Branche, size\n"
        "  do: did you mean 'Branche'? Mend the declaration or the file"
    )


def test_a_column_of_the_wrong_type(tmp_path: Path) -> None:
    path = text_file(tmp_path, "id,branch,size\n1,a,big\n2,b,5\n3,c,10-50\n")
    assert refusal(WrongType, lambda: rows(path)) == (
        f"source 't': {path}: column 'size' must hold numbers; 2 rows do not, such as '10-50'\n"
        "  do: declare such texts as missing = [...], mend the file, or declare dtype = 'category'"
    )
    path = write(tmp_path, "t", id=["1"], branch=["a"], size=timestamps([1]))
    assert "column 'size' must hold numbers and holds timestamp" in refusal(WrongType, lambda: rows(path))


@pytest.mark.parametrize("size", ["inf", "-Infinity", "1e999"])
def test_infinite_numbers(tmp_path: Path, size: str) -> None:
    path = text_file(tmp_path, f"id,branch,size\n1,a,{size}\n2,b,1\n")
    assert refusal(BadData, lambda: rows(path)) == (
        f"source 't': {path}: column 'size' holds 1 infinite numbers\n  do: leave unknown numbers empty"
    )


def test_numbers_too_large_to_be_summed(tmp_path: Path) -> None:
    path = text_file(tmp_path, "id,branch,size\n1,a,1e16\n")
    assert refusal(BadData, lambda: rows(path)) == (
        f"source 't': {path}: column 'size' holds 1e+16, too large to be summed exactly\n"
        "  do: mend the file, or declare a scale below 1000"
    )
    assert rows(path, reading=Reading(READING.numbers, READING.texts, {}))[0]["size"] == 1e16


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_a_file_of_zero_bytes(tmp_path: Path, name: str) -> None:
    path = text_file(tmp_path, b"", name)
    assert "the file is empty\n  do: give a table" in refusal(BadData, lambda: rows(path))


def test_a_parquet_file_that_is_none(tmp_path: Path) -> None:
    path = text_file(tmp_path, b"PAR1 not at all", "t.parquet")
    told = refusal(BadData, lambda: rows(path))
    assert told.startswith(f"source 't': {path}: cannot be read: ")
    assert told.endswith("do: write the Parquet file anew, or give the right file")


def test_another_delimiter(tmp_path: Path) -> None:
    path = text_file(tmp_path, "id;branch;size\n1;a;2,5\n")
    assert refusal(BadData, lambda: rows(path)) == (
        f"{path}: the header has one column only; it looks semicolon-separated: 'id;branch;size'\n"
        '  do: declare delimiter = ";" for this source'
    )
    path = text_file(tmp_path, "id\tbranch\n1\ta\n")
    assert 'declare delimiter = "\\t" for this source' in refusal(BadData, lambda: rows(path))


@pytest.mark.parametrize("content", ["id,branch,size\n1,Käse,2\n", "id,branch,größe\n1,a,2\n"])
def test_another_encoding(tmp_path: Path, content: str) -> None:
    path = text_file(tmp_path, content.encode("cp1252"))
    byte = "0xe4" if "ä" in content else "0xf6"
    assert refusal(BadData, lambda: rows(path)) == (
        f"{path}: byte {byte} is not utf-8\n"
        "  do: declare the file's encoding for this source, often encoding = 'cp1252', or save it as UTF-8"
    )


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
@pytest.mark.parametrize("row", ["3,c", "3,c,1,extra"])
def test_a_ragged_csv(tmp_path: Path, encoding: str, row: str) -> None:
    path = text_file(tmp_path, f"id,branch,size\n1,a,1\n2,b,2\n{row}\n")
    told = refusal(BadData, lambda: rows(path, source(encoding=encoding)))
    assert told.startswith(f"source 't': {path}: cannot be read: CSV ")
    assert row in told
    assert "mend this line: each row needs as many fields as the header" in told


def test_a_ragged_row_far_down_is_found(tmp_path: Path) -> None:
    path = text_file(tmp_path, "id,branch,size\n" + "1,a,1\n" * 50_000 + "2\n")
    assert "50002" in refusal(BadData, lambda: rows(path))


def test_a_column_that_stands_twice(tmp_path: Path) -> None:
    path = text_file(tmp_path, "id,size,branch,size\n1,2,a,3\n")
    assert refusal(BadData, lambda: rows(path)) == (
        f"{path}: two columns are called 'size'\n  do: rename one of them"
    )


def test_an_unset_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LAKE", raising=False)
    declared = Source(uri="${LAKE}/t.csv", key="id")
    assert refusal(NoInput, lambda: resolve(declared, "t", tmp_path, {})) == (
        "source 't': ${LAKE}/t.csv: the variable LAKE is not set\n  do: export LAKE=…, or give --source t=FILE"
    )
    monkeypatch.setenv("LAKE", str(tmp_path))
    assert resolve(declared, "t", Path("/elsewhere"), {}) == (str(tmp_path / "t.csv"),)


def test_overrides_start_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolve(source(), "t", Path("/project"), {}) == ("/project/t.csv",)
    assert resolve(source(), "t", Path("/project"), {"t": "new.csv"}) == (str(tmp_path / "new.csv"),)


def test_an_override_of_nothing() -> None:
    assert refusal(UsageError, lambda: check_overrides({"event": "x"}, ["leads", "events"])) == (
        "no source 'event' to override\n  there is: events, leads\n  do: write 'events'"
    )


def test_addresses_that_cannot_be_read(tmp_path: Path) -> None:
    declared = Source(uri="postgres://host/db", key="id")
    assert refusal(UsageError, lambda: resolve(declared, "t", tmp_path, {})) == (
        "source 't': cannot read postgres:// addresses\n"
        "  there is: CSV files, Parquet files, folders of Parquet files\n"
        "  do: export the table to one of these"
    )


# --- all sources of a model ------------------------------------------------------------------------

FLAT = {"leads": {"uri": "leads.csv", "key": "id"}}
FIT = {"fit": {"size": {"source": "leads", "verb": "attribute", "column": "size", "dtype": "number"}}}


def flat_model() -> Declarations:
    label = {"source": "leads", "where": {"won": True}}
    return declare(FLAT, FIT, {"label": label, "population": {"source": "leads"}})


def test_a_table_without_rows(tmp_path: Path) -> None:
    text_file(tmp_path, "id,size,won\n", "leads.csv")
    assert refusal(BadData, lambda: open_inputs(flat_model(), tmp_path)) == (
        "source 'leads': the table has no rows\n  do: give a table that holds at least one fact"
    )


def test_a_lead_that_stands_twice(tmp_path: Path) -> None:
    text_file(tmp_path, "id,size,won\na,1,yes\nb,2,no\na,3,no\nc,1,no\nc,1,no\n", "leads.csv")
    assert refusal(BadData, lambda: open_inputs(flat_model(), tmp_path)) == (
        "source 'leads': 2 lead ids stand in several rows, such as 'a', 'c'\n"
        "  do: keep one row per lead; rows that are dated facts belong in a source of their own"
    )


def dated(folder: Path) -> Declarations:
    write(folder, "leads", lead_id=["a", "b"], created_at=timestamps([0, 5]))
    write(folder, "outcomes", lead_id=["a"], occurred_at=timestamps([9]), outcome=["won"])
    write(
        folder,
        "events",
        lead_id=["a", "z", "y", "z", None],
        occurred_at=timestamps([1, 2, 3, 4, 5]),
    )
    sources = {
        "leads": {"uri": "leads.parquet", "key": "lead_id", "occurred_at": "created_at"},
        "events": {"uri": "events.parquet", "key": "lead_id", "occurred_at": "occurred_at"},
        "outcomes": {"uri": "outcomes.parquet", "key": "lead_id", "occurred_at": "occurred_at"},
    }
    acts = {"source": "events", "verb": "count", "windows": ["7d"]}
    return declare(sources, {"engagement": {"acts": acts}})


def test_what_is_set_aside_is_told(tmp_path: Path) -> None:
    notices = open_inputs(dated(tmp_path), tmp_path).notices
    assert "source 'events': 1 rows without a lead id, set aside" in notices
    assert (
        "source 'events': 3 rows of 2 leads that source 'leads' does not hold (such as 'y'), set aside"
        in notices
    )
    assert (
        "source 'outcomes': observed_from taken from its first fact (1970-01-01T00:00:00.000009Z); "
        "observed_until taken from its last fact (1970-01-01T00:00:00.000010Z)" in notices
    )


def test_the_digest_follows_the_content(tmp_path: Path) -> None:
    declared = dated(tmp_path)
    first = open_inputs(declared, tmp_path).digest()
    assert open_inputs(declared, tmp_path, threads=1).digest() == first
    write(tmp_path, "leads", created_at=timestamps([5, 0]), lead_id=["b", "a"])
    assert open_inputs(declared, tmp_path).digest() == first
    write(tmp_path, "leads", created_at=timestamps([5, 1]), lead_id=["b", "a"])
    assert open_inputs(declared, tmp_path).digest() != first


def test_the_doors_are_closed_once_the_inputs_are_read(tmp_path: Path) -> None:
    con = open_inputs(dated(tmp_path), tmp_path).con.con
    with pytest.raises(Exception, match="disabled by configuration"):
        con.execute(f"SELECT * FROM '{tmp_path}/leads.parquet'")
    with pytest.raises(Exception, match="locked"):
        con.execute("SET enable_external_access=true")


def test_the_time_path_leaves_the_heavy_libraries_alone(tmp_path: Path) -> None:
    """Scoring starts fast: neither importing nor running this path loads what only training needs."""
    dated(tmp_path)
    text_file(tmp_path, "id,size,won\na,1,yes\nb,2,no\n", "leads.csv")
    code = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
import json
from lqmodel.declarations import Declarations
from lqmodel.engine import AS_OF, CREATED, GROUP, fetch
from lqmodel.features import features
from lqmodel.inputs import open_inputs
from lqmodel.labels import population
import lqmodel.trainingset
for text in sys.stdin.read().splitlines():
    declared = Declarations.from_json(json.loads(text))
    inputs = open_inputs(declared, Path({str(tmp_path)!r}))
    if declared.model.has_clock:
        snapshots = population(inputs.facts["leads"], inputs.facts["outcomes"], declared.model, [8])
        wide = features(snapshots.select("__key", AS_OF, CREATED), inputs.facts, declared.features, {{}})
        assert fetch(wide).num_rows == 2
heavy = ("pandas", "scipy", "sklearn", "lightgbm", "mlflow", "shap", "numba")
print([name for name in heavy if name in sys.modules])
"""
    declared = [json.dumps(d.to_json()) for d in (dated(tmp_path), flat_model())]
    done = subprocess.run(
        [sys.executable, "-c", code], input="\n".join(declared), capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_parquet_written_by_others_keeps_its_columns(tmp_path: Path) -> None:
    table = pa.table(
        {
            "id": pa.array(["1"]).dictionary_encode(),
            "branch": pa.array(["a"], pa.large_string()),
            "size": [True],
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    assert rows(tmp_path / "t.parquet") == [{KEY: "1", "branch": "a", "size": 1.0}]


@pytest.mark.parametrize(
    ("content", "said"), [(b"id,x\nA,1\n", "Not a gzipped file"), (None, "end-of-stream")]
)
def test_a_damaged_compressed_file_is_named(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "leads.csv.gz"
    whole = gzip.compress(b"id,x\n" + b"A,1\n" * 5000)
    path.write_bytes(content if content is not None else whole[:30])
    with pytest.raises(BadData) as caught:
        header(path, Source(uri="leads.csv.gz", key="id"))
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert "do: check that the file is whole" in str(caught.value)
