"""Declarations load, stay what they are, and are refused with file and line."""

from __future__ import annotations

import copy
import dataclasses
import json
import random
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lqmodel.declarations import (
    EVER,
    VERBS,
    Declarations,
    ProjectFiles,
    Source,
)
from lqmodel.errors import BadDeclaration, NoInput, UsageError

ROOT = Path(__file__).parents[1]
TABLE = tomllib.loads((Path(__file__).parent / "refusals.toml").read_text(encoding="utf-8"))
FULL, FLAT = TABLE["project"]["full"], TABLE["project"]["flat"]
MODEL = "models/conversion.toml"
Files = Mapping[str, str]


def write(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def load(folder: Path, files: Mapping[str, str | bytes] = FULL, model: str | None = None) -> Declarations:
    return ProjectFiles.read(write(folder, files)).declarations(model)


def edited(files: Files, name: str, old: str, new: str) -> dict[str, str]:
    assert files[name].count(old) == 1, f"{old!r} must stand once in {name}"
    return {**files, name: files[name].replace(old, new)}


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Declarations:
    return load(tmp_path_factory.mktemp("full"))


# refusals


@pytest.mark.parametrize("case", TABLE["refusal"], ids=lambda case: case["name"])
def test_what_is_refused_is_refused_in_these_words(case: dict[str, Any], tmp_path: Path) -> None:
    files = TABLE["project"][case.get("project", "full")]
    for edit in case["edits"]:
        if "old" in edit:
            files = edited(files, edit["file"], edit["old"], edit["new"])
        else:
            files = {**files, edit["file"]: edit["new"]}
    with pytest.raises(BadDeclaration) as refused:
        load(tmp_path, files)
    assert str(refused.value) == case["text"].rstrip("\n")


def test_every_refusal_names_file_and_line_and_says_what_to_do() -> None:
    for case in TABLE["refusal"]:
        first, *_, last = case["text"].splitlines()
        assert re.match(r"(features|models)/[\w/-]+\.toml:\d+: ", first), case["name"]
        assert last.startswith("  do: "), case["name"]


def test_no_refusal_is_listed_twice() -> None:
    names = [case["name"] for case in TABLE["refusal"]]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (
            b'kind = "fit"\n# caf\xe9\n',
            "features/fit.toml:2: byte 0xe9 is not UTF-8\n  do: save the file as UTF-8",
        ),
        (
            b"a = " + b"[" * 5000 + b"]" * 5000,
            "features/fit.toml: tables or lists lie too deep in each other\n  do: write them flat",
        ),
        (
            b"\na = " + b"9" * 5000,
            "features/fit.toml:2: an integer of more than 64 bits\n  do: write a smaller number",
        ),
        (
            b"",
            "features/fit.toml: kind is missing\n  there is: fit, engagement\n"
            "  do: write kind = 'fit' (who they are) or kind = 'engagement' (what they do) at the top",
        ),
    ],
    ids=["not UTF-8", "too deep", "too many digits", "empty"],
)
def test_a_file_that_is_no_declaration(content: bytes, text: str, tmp_path: Path) -> None:
    with pytest.raises(BadDeclaration) as refused:
        load(tmp_path, {**FULL, "features/fit.toml": content})
    assert str(refused.value) == text


def test_files_of_windows_editors_load(full: Declarations, tmp_path: Path) -> None:
    windows = {name: b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode() for name, text in FULL.items()}
    assert load(tmp_path, windows) == full


def test_lines_are_named_in_files_of_windows_editors(tmp_path: Path) -> None:
    broken = edited(FULL, MODEL, "promote_any", "promote_anny")
    with pytest.raises(BadDeclaration, match=rf"^{MODEL}:18: unknown key 'promote_anny'"):
        load(tmp_path, {name: text.replace("\n", "\r\n") for name, text in broken.items()})


def test_no_project_folder(tmp_path: Path) -> None:
    write(tmp_path, {"features/sources.toml": "", "notes/a.txt": ""})
    with pytest.raises(NoInput) as refused:
        ProjectFiles.read(tmp_path)
    assert str(refused.value) == (
        f"{tmp_path} is no lqmodel project: it has no folder models/\n  there is: features/, notes/\n"
        "  do: change to the project's folder, name it with --project, or make one with `lqmodel init`"
    )
    with pytest.raises(NoInput, match="no folder features/"):
        ProjectFiles.read(tmp_path / "absent")


def test_no_sources(tmp_path: Path) -> None:
    files = {name: text for name, text in FULL.items() if name != "features/sources.toml"}
    with pytest.raises(NoInput) as refused:
        load(tmp_path, files)
    assert str(refused.value) == (
        f"{tmp_path}: no file features/sources.toml\n  there is: engagement.toml, fit.toml, gates.toml\n"
        "  do: run `lqmodel init`, or change to the project's folder"
    )


def test_a_folder_in_place_of_a_file(tmp_path: Path) -> None:
    write(tmp_path, FULL)
    (tmp_path / "features/more.toml").mkdir()
    with pytest.raises(NoInput, match=r"cannot open features/more\.toml: .+\n  do: make it a readable file"):
        ProjectFiles.read(tmp_path)


def test_no_model(tmp_path: Path) -> None:
    write(tmp_path, {name: text for name, text in FULL.items() if name != MODEL})
    (tmp_path / "models").mkdir()
    with pytest.raises(NoInput) as refused:
        ProjectFiles.read(tmp_path).declarations()
    assert str(refused.value) == (
        f"{tmp_path}: models/ holds no model\n  do: write models/NAME.toml, or run `lqmodel init`"
    )


def test_which_model(full: Declarations, tmp_path: Path) -> None:
    files = {**FULL, "models/expansion.toml": FULL[MODEL]}
    with pytest.raises(UsageError) as refused:
        load(tmp_path, files)
    assert str(refused.value) == (
        f"{tmp_path}: which model?\n  there is: conversion, expansion\n  do: name one of them with --name"
    )
    with pytest.raises(UsageError) as refused:
        load(tmp_path, files, "convesion")
    assert str(refused.value) == (
        f"{tmp_path}/models: no model 'convesion'\n  there is: conversion, expansion\n  do: write 'conversion'"
    )
    with pytest.raises(UsageError, match=r"do: name one of them$"):
        load(tmp_path, files, "zzz")
    assert load(tmp_path, files, "conversion") == full
    assert load(tmp_path, files, "expansion").name == "expansion"


def test_from_a_bundle_no_line_is_named(full: Declarations) -> None:
    values = json.loads(json.dumps(full.to_json()))
    values["model"]["stages"]["mql"]["at_leest"] = 0.1
    with pytest.raises(BadDeclaration, match=rf"^{MODEL}: unknown key 'at_leest' in \[stages\.mql\]\n"):
        Declarations.from_json(values)


# the example project


FAMILIES = {
    "visits": ("count", "engagement"),
    "pricing_visits": ("count", "engagement"),
    "service_visits": ("count", "engagement"),
    "case_studies": ("count", "engagement"),
    "time_on_site": ("sum", "engagement"),
    "email_opens": ("count", "engagement"),
    "email_clicks": ("count", "engagement"),
    "whitepapers": ("count", "engagement"),
    "ebooks": ("count", "engagement"),
    "webinars": ("count", "engagement"),
    "newsletter": ("count", "engagement"),
    "social": ("count", "engagement"),
    "contact_form": ("count", "engagement"),
    "demo_requested": ("count", "engagement"),
    "consultation_requested": ("count", "engagement"),
    "proposal_requested": ("count", "engagement"),
    "referral": ("count", "engagement"),
    "unsubscribed": ("count", "engagement"),
    "visits_trend": ("trend", "engagement"),
    "email_trend": ("trend", "engagement"),
    "last_visit": ("recency", "engagement"),
    "last_pricing_visit": ("recency", "engagement"),
    "last_email_click": ("recency", "engagement"),
    "industry": ("attribute", "fit"),
    "employees": ("attribute", "fit"),
    "revenue": ("attribute", "fit"),
    "country": ("attribute", "fit"),
    "seniority": ("attribute", "fit"),
    "lead_source": ("attribute", "fit"),
    "campaign": ("attribute", "fit"),
    "profile_completeness": ("completeness", "fit"),
}


@pytest.fixture(scope="module")
def example() -> Declarations:
    return ProjectFiles.read(ROOT).declarations("lead_conversion")


def test_the_example_has_the_families_that_matter(example: Declarations) -> None:
    declared = {f.name: (f.feature.verb, f.kind) for f in example.features}
    assert {name: declared.get(name) for name in FAMILIES} == FAMILIES


def test_every_model_of_the_repository_loads() -> None:
    files = ProjectFiles.read(ROOT)
    for name in files.models:
        assert files.declarations(name).name == name


def test_the_example_words_every_family(example: Declarations) -> None:
    for item in (*example.features, *example.facts):
        assert "other" in dict(dict(item.feature.reason)["en"]), item.name


def test_the_example_shows_verbs_of_every_kind(example: Declarations) -> None:
    shown = {f.feature.verb for f in example.features}
    assert shown <= set(VERBS)
    assert shown >= {"count", "distinct", "sum", "trend", "recency", "attribute", "completeness"}


def test_the_columns_of_the_example(example: Declarations) -> None:
    names = [column.name for column in example.columns()]
    assert names == sorted(set(names))
    pricing = [c for c in example.columns() if c.family == "pricing_visits"]
    assert {c.name: c.constraint for c in pricing} == {
        "pricing_visits_7d": 1,
        "pricing_visits_30d": 0,
        "pricing_visits_90d": 0,
    }
    by_name = {c.name: c for c in example.columns()}
    assert by_name["unsubscribed_ever"].constraint == -1
    assert by_name["unsubscribed_ever"].window == EVER
    assert (by_name["industry"].dtype, by_name["employees"].dtype) == ("category", "number")


def test_the_gates_of_the_example(example: Declarations) -> None:
    columns = example.fact_columns()
    assert list(columns) == sorted(columns)
    assert columns["unsubscribed"] == "unsubscribed_ever"
    assert set(example.used_sources()) == {"events", "leads", "outcomes"}
    assert {f.name for f in example.facts}.isdisjoint(f.name for f in example.features)


# what loads


def test_a_project_without_a_clock_loads(tmp_path: Path) -> None:
    declarations = load(tmp_path, FLAT)
    assert not declarations.model.has_clock
    assert [c.name for c in declarations.columns()] == ["filled", "industry"]
    assert set(declarations.used_sources()) == {"leads"}


def test_what_a_feature_and_its_source_hold(full: Declarations) -> None:
    visits = next(f for f in full.features if f.name == "visits")
    assert visits.feature.reads() == ("duration_s", "type")
    assert visits.fact_column() == "visits_30d"
    leads = full.sources["leads"]
    assert leads.allows("industry")
    assert leads.allows("lead_id")
    assert leads.allows("created_at")
    assert not leads.allows("name")
    assert full.sources["events"].allows("anything")
    assert full.sources["outcomes"].observed_from == "2025-01-01"


def test_the_facts_of_gates_are_not_learnt_from(full: Declarations) -> None:
    assert [f.name for f in full.facts] == ["budget", "unsubscribed"]
    assert full.fact_columns() == {
        "budget": "budget",
        "unsubscribed": "unsubscribed_ever",
        "visits": "visits_30d",
    }
    assert not {"budget", "unsubscribed_ever"} & {c.name for c in full.columns()}


def test_a_source_made_in_python_is_checked_too() -> None:
    assert Source.model_validate({"uri": "x", "key": "id", "columns": ["a"]}).columns == ("a",)
    with pytest.raises(ValueError, match="must be an address"):
        Source.model_validate({"uri": "", "key": "id"})


def _parts(declarations: Declarations) -> Iterator[tuple[object, str]]:
    visits = next(f for f in declarations.features if f.name == "visits")
    model = declarations.model
    for part, field in [
        (declarations, "name"),
        (declarations, "raw"),
        (declarations.sources["leads"], "uri"),
        (declarations.sources["leads"].lag, "us"),
        (visits, "feature"),
        (visits.feature, "source"),
        (visits.feature.where[0], "column"),
        (visits.columns()[0], "name"),
        (model, "zone"),
        (model.label, "source"),
        (model.population, "every"),
        (model.evaluation, "test"),
        (model.classifier, "seed"),
        (model.stages, "mql"),
        (model.stages.mql, "at_least"),
        (model.stages.sales_ready.capacity, "per_week"),
        (model.stages.demotion, "below_ratio"),
    ]:
        assert hasattr(part, field)
        yield part, field


def test_assignment_is_refused(full: Declarations) -> None:
    for part, field in _parts(full):
        before = getattr(part, field)
        with pytest.raises((dataclasses.FrozenInstanceError, ValueError), match=r"frozen|cannot assign"):
            setattr(part, field, "other")
        assert getattr(part, field) is before


# fingerprint


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in inner:
        yield from leaves(below, (*path, key))
    if path and not isinstance(value, dict):
        yield path


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def other(value: Any) -> Any:
    return not value if isinstance(value, bool) else [*value, "x"] if isinstance(value, list) else f"{value}x"


def is_beside(path: tuple[Any, ...]) -> bool:
    """Whether a model learns the same whatever stands there: addresses, what happens to a handoff, who signed."""
    is_address = path[0] == "sources" and path[2:] == ("uri",)
    return is_address or path[0] == "signed" or path[:2] in (("model", "handoffs"), ("model", "crm"))


def test_any_value_changes_the_fingerprint(example: Declarations, full: Declarations) -> None:
    for declarations in (example, full):
        seen = {declarations.fingerprint()}
        paths = [path for path in leaves(declarations.to_json()) if path != ("name",) and not is_beside(path)]
        for path in paths:
            raw = declarations.to_json()
            at(raw, path[:-1])[path[-1]] = other(at(raw, path))
            seen.add(dataclasses.replace(declarations, raw=raw).fingerprint())
        assert len(seen) == len(paths) + 1


def test_any_key_taken_out_changes_the_fingerprint(full: Declarations) -> None:
    paths = [path for path in leaves(full.to_json()) if path != ("name",) and not is_beside(path)]
    for path in paths:
        raw = full.to_json()
        del at(raw, path[:-1])[path[-1]]
        assert dataclasses.replace(full, raw=raw).fingerprint() != full.fingerprint(), path


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        (MODEL, "at_least = 0.05", "at_least = 0.06"),
        (MODEL, 'zone = "Europe/Berlin"', 'zone = "UTC"'),
        ("features/sources.toml", 'lag = "1h"', 'lag = "2h"'),
        ("features/sources.toml", "2025-01-01", "2025-01-02"),
        ("features/engagement.toml", "ge = 5", "ge = 6"),
        ("features/engagement.toml", "ge = 5", "gt = 5"),
        ("features/engagement.toml", "{value} visit in", "{value} call in"),
        ("features/engagement.toml", 'kind = "engagement"', 'kind = "fit"'),
        ("features/engagement.toml", "[last_visit]", "[latest_visit]"),
        ("features/gates.toml", '["ever"]', '["90d"]'),
    ],
)
def test_a_change_in_a_file_changes_the_fingerprint(
    name: str, old: str, new: str, full: Declarations, tmp_path: Path
) -> None:
    changed = load(tmp_path, edited(FULL, name, old, new))
    assert changed.fingerprint() != full.fingerprint()
    assert changed != full


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("features/sources.toml", "data/leads.parquet", "${LAKE}/leads"),
        ("features/sources.toml", 'lag = "1h"', 'lag   =   "1h"  # late'),
        ("features/sources.toml", "2025-01-01", '"2025-01-01"'),
        ("features/fit.toml", 'kind = "fit"', '# who they are\nkind = "fit"'),
        (MODEL, "[stages.mql]\nat_least = 0.05", "[stages]\nmql = { at_least = 0.05 }"),
    ],
)
def test_addresses_and_spelling_leave_the_fingerprint(
    name: str, old: str, new: str, full: Declarations, tmp_path: Path
) -> None:
    assert load(tmp_path, edited(FULL, name, old, new)).fingerprint() == full.fingerprint()


def test_a_file_that_the_model_does_not_use_leaves_the_fingerprint(
    full: Declarations, tmp_path: Path
) -> None:
    more = 'kind = "fit"\n[employees]\nsource = "leads"\nverb = "attribute"\ncolumn = "employees"\ndtype = "number"\n'
    assert load(tmp_path, {**FULL, "features/more.toml": more}) == full


def test_the_order_of_files_changes_nothing(full: Declarations, tmp_path: Path) -> None:
    files = ProjectFiles.read(write(tmp_path, FULL))
    turned = dataclasses.replace(
        files, features={name: files.features[name] for name in sorted(files.features, reverse=True)}
    )
    assert list(turned.features) != list(files.features)
    assert turned.declarations() == full


def shuffled(value: Any, order: random.Random) -> Any:
    if isinstance(value, dict):
        keys = list(value)
        order.shuffle(keys)
        return {key: shuffled(value[key], order) for key in keys}
    return value


@settings(max_examples=30, deadline=None)
@given(order=st.randoms(use_true_random=False))
def test_the_order_of_keys_changes_nothing(order: random.Random, full: Declarations) -> None:
    again = Declarations.from_json(shuffled(full.to_json(), order))
    assert again == full
    assert again.columns() == full.columns()
    assert again.fingerprint() == full.fingerprint()


@pytest.mark.parametrize("files", [FULL, FLAT, None], ids=["full", "flat", "example"])
def test_json_and_back(files: Files | None, tmp_path: Path, example: Declarations) -> None:
    declarations = example if files is None else load(tmp_path, files)
    again = Declarations.from_json(json.loads(json.dumps(declarations.to_json(), allow_nan=False)))
    assert again == declarations
    assert again.fingerprint() == declarations.fingerprint()
    assert again.to_json() == declarations.to_json()


def test_what_json_gave_is_a_copy(full: Declarations) -> None:
    before = full.fingerprint()
    full.to_json()["model"]["stages"]["mql"]["at_least"] = 0.9
    assert full.fingerprint() == before
    assert copy.deepcopy(full) == full


def test_suppressed_may_be_named_among_what_blocks_and_declares_nothing_more(
    full: Declarations, tmp_path: Path
) -> None:
    named = load(tmp_path, edited(FULL, MODEL, '["unsubscribed"]', '["unsubscribed", "suppressed"]'))
    assert named.model == full.model
    assert named.fact_columns() == full.fact_columns()
    alone = load(tmp_path, edited(FULL, MODEL, '["unsubscribed"]', '["suppressed"]'))
    assert alone.model.stages.sales_ready.block == ()
