"""The command line: quick to start, says how it is used, and ends with the code that belongs to the end."""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.compute as pc
import pytest
from conftest import Ended
from projects import AS_OF, Trained, contents, write_company, write_flat, write_flat_leads

from lqmodel import errors, load_model
from lqmodel.cli import app
from lqmodel.errors import LqmodelError
from lqmodel.runs import Run
from lqmodel.version import VERSION

SCRIPT = Path(sys.executable).with_name("lqmodel")
COMMANDS = (
    "init",
    "check",
    "simulate",
    "train",
    "evaluate",
    "predict",
    "explain",
    "handoffs",
    "nurture",
    "export",
    "outbox",
    "record",
    "feedback",
    "history",
    "suppress",
    "access",
    "erase",
    "purge",
    "promote",
    "user",
    "serve",
    "demo",
)
GROUPS = {"policy": ("compare", "sign")}
HEAVY = ("lightgbm", "mlflow", "sklearn", "scipy", "pandas", "shap", "matplotlib", "optuna")


def seconds(*command: str) -> float:
    """CPU seconds of a process, its children's included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_help_is_quick() -> None:
    """0.3 s is promised; a busy machine may take 0.5 s of CPU."""
    assert min(seconds(str(SCRIPT), "--help") for _ in range(5)) < 0.5


def test_help_imports_nothing_heavy() -> None:
    code = "import sys, lqmodel.cli; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"numpy", "pyarrow", "ibis", "duckdb", "pydantic", "babel", *HEAVY} & set(loaded.split())


def test_every_command_has_its_place() -> None:
    assert tuple(c.name for c in app.registered_commands) == COMMANDS
    groups = {g.name: g.typer_instance for g in app.registered_groups}
    found = {
        name: tuple(c.name for c in group.registered_commands) for name, group in groups.items() if group
    }
    assert found == GROUPS


PARTS = tuple(f"{group} {name}" for group, names in GROUPS.items() for name in names)


@pytest.mark.parametrize("command", ["", *COMMANDS, *GROUPS, *PARTS])
def test_every_help_ends_with_an_example_that_is_a_command(
    command: str, lqmodel: Callable[..., Ended]
) -> None:
    ended = lqmodel(*command.split(), "--help")
    assert (ended.code, ended.err) == (0, "")
    last = " ".join(ended.out.split("Example: ")[-1].split())
    assert last.startswith(f"lqmodel {command}".strip())
    used = last.split()[1 : 3 if last.split()[1] in GROUPS else 2]
    named = {word.partition("=")[0] for word in last.split() if word.startswith("--")}
    known = lqmodel(*used, "--help").out
    assert " ".join(used) in (*COMMANDS, *PARTS)
    assert all(option in known for option in named), "the example uses options that exist"


def test_version_and_no_command(lqmodel: Callable[..., Ended]) -> None:
    assert lqmodel("--version").out == f"lqmodel {VERSION}\n"
    assert "Usage: lqmodel" in (lqmodel().out + lqmodel().err)


@pytest.mark.parametrize(
    "arguments",
    [
        ("prdict",),
        ("predict", "--modle", "x"),
        ("predict", "--format", "xml"),
        ("explain",),
        ("demo", "--leads", "many"),
        ("handoffs", "--most", "-1"),
        ("nurture", "--most", "0"),
    ],
)
def test_wrong_usage_ends_with_2(arguments: tuple[str, ...], lqmodel: Callable[..., Ended]) -> None:
    ended = lqmodel(*arguments)
    assert ended.code == 2
    assert "Usage:" in ended.err
    assert "Traceback" not in ended.err


def all_errors() -> list[type[LqmodelError]]:
    return [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, LqmodelError)]


@pytest.mark.parametrize("error", all_errors(), ids=lambda e: e.__name__)
def test_law_11_any_error_of_ours_prints_once_without_traceback(
    error: type[LqmodelError], lqmodel: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    def raises(*_: object, **__: object) -> None:
        try:
            raise KeyError("an inner reason")
        except KeyError as cause:
            raise error("something is off", where="a place", exists=("this", "that"), do="mend it") from cause

    monkeypatch.setattr("lqmodel.runs.Run.open", raises)
    lqmodel("handoffs").refused(
        error.exit_code, "error: a place: something is off\n  there is: this, that\n  do: mend it\n"
    )


def test_exit_codes_of_real_processes(flat: Trained, tmp_path: Path) -> None:
    def code(*arguments: object) -> tuple[int, str, str]:
        ended = subprocess.run([SCRIPT, *map(str, arguments)], capture_output=True, text=True, cwd=tmp_path)
        return ended.returncode, ended.stdout, ended.stderr

    for arguments, expected, part in (
        (("predict", "--model", "nowhere"), 66, "no bundle in nowhere"),
        (("check", "--project", flat.root, "--source", "leads"), 2, "is not NAME=VALUE"),
        (
            ("evaluate", "--model", flat.bundle_folder, "--source", f"leads={flat.root / 'leads.csv'}"),
            1,
            "flatter",
        ),
    ):
        returned, out, err = code(*arguments)
        assert (returned, out) == (expected, ""), err
        assert part in err
        assert err.count("error: ") == 1
        assert "Traceback" not in err


def test_a_reader_that_leaves_is_no_error(flat: Trained) -> None:
    process = subprocess.Popen(
        [SCRIPT, "evaluate", "--model", flat.bundle_folder, "--format", "json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 0


def test_predict_explain_handoffs_one_after_the_other(
    company: Trained, tmp_path: Path, lqmodel: Callable[..., Ended]
) -> None:
    out = tmp_path / "scores"
    predict = ("predict", "--model", company.bundle_folder, "--project", company.root, "--output", out)
    ended = lqmodel(*predict, "--as-of", AS_OF)
    assert ended.code == 0
    assert "474 scored" in ended.out
    assert ended.err.count("notice: ") == 4
    before = {p: p.lstat().st_mtime_ns for p in out.rglob("*")}
    again = lqmodel(*predict, "--as-of", "2024-12-30", "--format", "json")
    manifest = json.loads(again.out)
    assert manifest["as_of"] == AS_OF
    assert {p: p.lstat().st_mtime_ns for p in out.rglob("*")} == before, "law 10: running again is a no-op"

    listed = json.loads(lqmodel("handoffs", "--run", out / "latest", "--format", "json").out)
    assert len(listed) == manifest["handoffs"]
    two = lqmodel("handoffs", "--run", out / "latest", "--most", "2").out
    assert listed[0]["lead_id"] in two
    assert listed[1]["lead_id"] in two
    assert listed[2]["lead_id"] not in two
    assert listed[0]["display"]["company"] in two

    lead = listed[0]["lead_id"]
    why = lqmodel("explain", lead, "--run", out / "latest", "--project", company.root)
    assert (why.code, why.err) == (0, "")
    assert why.out.startswith(f"{lead}, 30 December 2024: ")
    told = json.loads(lqmodel("explain", lead, "--run", out / "latest", "--format", "json").out)
    assert told["lead_id"] == lead
    assert told["stage"] == "sales-ready"
    drawn = lqmodel("explain", lead, "--run", out / "latest", "--svg", tmp_path / "lead.svg")
    assert (drawn.code, drawn.out) == (0, why.out)
    assert drawn.err == f"waterfall {tmp_path / 'lead.svg'}\n"
    assert lead in (tmp_path / "lead.svg").read_text()
    lqmodel("explain", lead, "--run", out / "latest", "--svg", tmp_path / "lead.svg" / "y").refused(73)


def test_check_prints_parts_and_their_wins(company: Trained, lqmodel: Callable[..., Ended]) -> None:
    ended = lqmodel("check", "--project", company.root)
    assert ended.code == 0
    for part in ("all mature", "train", "test", "events", "audit: nothing found"):
        assert part in ended.out
    told = json.loads(lqmodel("check", "--project", company.root, "--format", "json").out)
    assert told["refused"] is None
    assert set(told["parts"]) == {"all mature", "train", "test"}
    assert told["parts"]["train"]["wins"] > 0


@pytest.mark.parametrize(("horizon", "parts"), [("200d", 1), ("500d", 0)])
def test_check_of_too_short_a_history_prints_what_it_found_and_ends_with_1(
    horizon: str, parts: int, company: Trained, tmp_path: Path, lqmodel: Callable[..., Ended]
) -> None:
    root = company.copy(tmp_path / "p")
    model = root / "models" / "lead_conversion.toml"
    model.write_text(model.read_text().replace('horizon = "60d"', f'horizon = "{horizon}"'))
    ended = lqmodel("check", "--project", root)
    assert (ended.code, ended.err) == (1, "")
    assert "1,500 rows" in ended.out
    assert "training would stop: " in ended.out
    assert ended.out.count("do: shorten ") == 1
    assert ("all mature" in ended.out) == bool(parts)
    told = json.loads(lqmodel("check", "--project", root, "--format", "json").out)
    assert len(told["parts"]) == parts
    assert "do: shorten" in told["refused"]
    lqmodel("train", "--project", root, "--report", tmp_path / "r.html").refused(1, "do: shorten")


def test_train_registers_even_where_its_report_cannot_be_written(
    flat: Trained, tmp_path: Path, lqmodel: Callable[..., Ended]
) -> None:
    root = flat.copy(tmp_path / "p")
    table = root / "leads.csv"
    ended = lqmodel("train", "--project", root, "--save", root / "mine", "--report", table / "r.html")
    assert ended.code == 73
    assert "models:/flat/1 (champion)" in ended.out
    assert f"cannot write {table}/r.html" in ended.err
    assert "Traceback" not in ended.err
    assert contents(root / "mine") == contents(flat.bundle_folder)
    ended = lqmodel("evaluate", "--project", root, "--report", tmp_path / "report.html")
    assert ended.code == 0
    assert "held out" in ended.out
    assert "no clock" in ended.out
    assert (tmp_path / "report.html").read_text().startswith("<!")


def test_train_never_overwrites_other_folders(
    flat: Trained, tmp_path: Path, lqmodel: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "letter.txt").write_text("mine")
    monkeypatch.setattr("lqmodel.api.Project.inputs", lambda *_: None)
    monkeypatch.setattr("lqmodel.api.Project.train", lambda *_, **__: load_model(flat.bundle_folder))
    monkeypatch.setattr("lqmodel.api.Project.register", lambda *_: Registered())
    ended = lqmodel("train", "--project", flat.root, "--save", documents, "--report", tmp_path / "r.html")
    assert ended.code == 73
    assert "stands already and holds other things" in ended.err
    assert contents(documents) == {"letter.txt": b"mine"}


class Registered:
    uri, alias = "models:/flat/1", "champion"


def test_evaluate_prints_the_held_out_figures_or_judges_other_data(
    flat: Trained, tmp_path: Path, lqmodel: Callable[..., Ended]
) -> None:
    ended = lqmodel("evaluate", "--model", flat.bundle_folder, "--format", "json")
    assert json.loads(ended.out) == json.loads(json.dumps(flat.bundle.metrics))
    table = write_flat_leads(tmp_path / "later.csv", 400, seed=11)
    ended = lqmodel("evaluate", "--model", flat.bundle_folder, "--source", f"leads={table}")
    assert ended.code == 0
    assert "held out  400 snapshots of 400 leads" in ended.out


def test_simulate_writes_the_four_tables(tmp_path: Path, lqmodel: Callable[..., Ended]) -> None:
    ended = lqmodel("simulate", tmp_path / "data", "--leads", 50, "--days", 60)
    assert ended.code == 0
    assert set(contents(tmp_path / "data")) == {
        f"{n}.parquet" for n in ("leads", "events", "outcomes", "truth")
    }
    assert ended.out.startswith("50 leads, ")


def test_the_demo_does_not_mix_with_another_project(tmp_path: Path, lqmodel: Callable[..., Ended]) -> None:
    write_flat(tmp_path / "mine")
    before = contents(tmp_path / "mine")
    lqmodel("demo", tmp_path / "mine").refused(
        2, "files of another project: features/fit.toml", "models/flat.toml"
    )
    assert contents(tmp_path / "mine") == before
    (tmp_path / "home" / "data").mkdir(parents=True)
    (tmp_path / "home" / "data" / "leads.parquet").write_text("mine")
    lqmodel("demo", tmp_path / "home").refused(2, "data/leads.parquet")


@pytest.mark.slow
def test_demo_goes_the_whole_way(tmp_path: Path, lqmodel: Callable[..., Ended]) -> None:
    root = tmp_path / "demo"
    write_company(root, leads=10)  # declarations that stand there are kept: few rounds
    ended = lqmodel("demo", root, "--leads", 700)
    assert ended.code == 0, ended.err
    for told in (
        "simulated 700 leads",
        "audit: nothing found",
        "held out",
        "(champion)",
        " best of ",
        "done",
    ):
        assert told in ended.out
    runs = sorted(p for p in (root / "scores").iterdir() if not p.is_symlink())
    assert len(runs) == 2
    answered = re.search(
        r"feedback  ([\d,]+ \w+, )*[\d,]+ \w+, each after a call, of ([\d,]+) handoffs \((\d+) taken, 0 held",
        ended.out,
    )
    assert answered
    assert int(answered[3]) == 2 * min(int(answered[2]), 100), "a call and a decision each"
    moved = Run.open(runs[1]).table.filter(pc.equal(pc.field("cause"), "accepted"))
    assert len(moved) > 0
    assert set(moved["stage"].to_pylist()) == {"SAL"}
    assert "accepted         " in ended.out
    assert "the ledger holds" in lqmodel("history", "--verify", "--project", root).out
    again = lqmodel("demo", root, "--leads", 700)
    assert again.code == 0, again.err
    assert f"(0 taken, {answered[3]} held already, 0 set aside)" in again.out
    assert sorted(p for p in (root / "scores").iterdir() if not p.is_symlink()) == runs
    command = ended.out.split("next      lqmodel ")[-1].split()
    assert lqmodel(*command).code == 0, "the next step that it names works"
