"""What marketing and sales signed is a file of its own: any other rule is found, any other spelling is not."""

from __future__ import annotations

import random
import shutil
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from conftest import Ended
from hypothesis import assume, given
from hypothesis import strategies as st
from projects import Trained, contents, write_flat
from test_declarations import FULL, MODEL, edited, load, write

from lqmodel.api import open_project
from lqmodel.bundle import Bundle
from lqmodel.declarations import Declarations, Model
from lqmodel.declarations.agreement import SENTENCE, Signed, declared_rules
from lqmodel.declarations.loading import TomlFile
from lqmodel.errors import BadDeclaration, CannotWrite, Refused, UsageError
from lqmodel.example import example_files, write_example
from lqmodel.nightly import Night, handled
from lqmodel.signing import sign, signed_text

DAY = date(2026, 1, 12)
TEAMS = ["marketing", "sales"]
AGREED = '\n[agreement]\nversion = "2026-01"\nsales_ready_means = "as many as sales can call"\n'
names = st.lists(st.sampled_from([f"fact_{i}" for i in range(6)]), unique=True, max_size=3)
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=12)
lengths = st.sampled_from(["1d", "7d", "36h", "2w", "90m"])
shares = st.floats(0.01, 0.99)


@st.composite
def stages(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the tables of [stages], as TOML holds them."""
    mql = draw(st.floats(0.01, 0.4))
    by_level = draw(st.dictionaries(texts, st.integers(1, 500), min_size=1, max_size=3))
    ready: dict[str, Any] = draw(
        st.sampled_from(
            [
                {"at_least": mql + 0.1},
                {"capacity": {"per_week": 40}},
                {"precision": 0.3},
                {"value": {"contact_cost": 80.0, "deal_value": 9000}},
                {"capacity": {"per_week": by_level}, "per": "territory"},
            ]
        )
    )
    facts = draw(st.permutations([f"fact_{i}" for i in range(6)]))
    found: dict[str, Any] = {"mql": {"at_least": mql}, "sales_ready": {**ready}}
    found["sales_ready"] |= {"promote_any": list(facts[:2]), "block": list(facts[2:4])}
    if draw(st.booleans()):
        found["demotion"] = {"below_ratio": draw(shares), "for": draw(lengths)}
    if draw(st.booleans()):
        codes = draw(st.dictionaries(texts, st.sampled_from(["30d", "never"]), max_size=2))
        found["recycled"] = {"wake_after": draw(st.sampled_from(["60d", "never"])), "reasons": codes}
    if draw(st.booleans()):
        found["sql"] = {"after": draw(st.sampled_from(["handoff", "acceptance"])), "require": [facts[4]]}
    return found


@st.composite
def handoffs(draw: st.DrawFn) -> dict[str, Any]:
    """Draw what both promise of a handoff."""
    found: dict[str, Any] = {}
    if draw(st.booleans()):
        found |= {"respond_within": draw(lengths)}
    if draw(st.booleans()):
        found |= {
            "at_most_moving": draw(shares),
            "sample": {"share": 0.05, "per_run": draw(st.integers(1, 9))},
        }
    return found


@st.composite
def models(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "features": ["fit"],
        "label": {"source": "leads", "where": {"won": "1"}},
        "stages": draw(stages()),
        "handoffs": draw(handoffs()),
        "agreement": {"version": "2026-01", "sales_ready_means": draw(texts)},
    }


def model_of(raw: Mapping[str, Any]) -> Model:
    return Model.model_validate(dict(raw))


def written(raw: Mapping[str, Any]) -> str:
    model = model_of(raw)
    assert model.agreement is not None
    rules = {path: rule for path, rule in declared_rules(model).items() if path != SENTENCE}
    return signed_text("2026-01", TEAMS, DAY, model.agreement.sales_ready_means, rules)


def read(text: str) -> Signed:
    return Signed.read(TomlFile("models/agreements/m/2026-01.toml", tomllib.loads(text), text))


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    else:
        yield path


def with_leaf(raw: Any, path: tuple[str, ...], change: Callable[[Any], Any]) -> Any:
    if not path:
        return change(raw)
    return {**raw, path[0]: with_leaf(raw[path[0]], path[1:], change)}


def other(value: Any) -> Any:
    """Return another rule, of the same kind."""
    if isinstance(value, list):
        return [*value, "one_more"] if len(value) < 2 else value[1:]
    if isinstance(value, int | float):
        return value + 1 if value >= 1 else value * 0.99
    if value in ("acceptance", "handoff"):
        return "handoff" if value == "acceptance" else "acceptance"
    if value[:-1].isdigit():
        return f"{int(value[:-1]) + 1}{value[-1]}"
    return "77d" if value == "never" else f"{value}x"


# laws


@given(models())
def test_a_signed_file_says_what_was_declared_and_nothing_else(raw: dict[str, Any]) -> None:
    signed = read(written(raw))
    assert signed.differences(model_of(raw)) == []
    assert (signed.rules.signed_by, signed.rules.signed_on) == (tuple(TEAMS), DAY)
    again = {**signed.raw, "stages": dict(reversed(signed.raw["stages"].items()))}
    assert Signed.read(TomlFile("2026-01.toml", again)).signature == signed.signature


@given(models(), st.randoms(use_true_random=False))
def test_any_other_rule_is_found(raw: dict[str, Any], rng: random.Random) -> None:
    signed = read(written(raw))
    paths = [p for p in leaves(raw) if p[0] in ("stages", "handoffs") or p == SENTENCE]
    path = rng.choice(paths)
    try:
        changed = model_of(with_leaf(raw, path, other))
    except ValueError:
        assume(False)
    found = signed.differences(changed)
    assert [where[: len(path)] for where, _ in found] == [path]
    assert f"{'.'.join(path)}" in found[0][1]


@given(models(), st.randoms(use_true_random=False))
def test_a_rule_taken_out_or_added_is_found_where_its_default_says_otherwise(
    raw: dict[str, Any], rng: random.Random
) -> None:
    signed = read(written({**raw, "handoffs": {}}))
    assert bool(signed.differences(model_of(raw))) == bool(raw["handoffs"])
    more = {**raw, "stages": {**raw["stages"], "mql": {**raw["stages"]["mql"], "promote_any": ["form"]}}}
    assert [path for path, _ in read(written(raw)).differences(model_of(more))] == [
        ("stages", "mql", "promote_any")
    ]


@given(models(), st.randoms(use_true_random=False))
def test_another_order_or_spelling_is_the_same_rule(raw: dict[str, Any], rng: random.Random) -> None:
    def turned(value: Any) -> Any:
        if isinstance(value, Mapping):
            items = [(key, turned(inner)) for key, inner in value.items()]
            return dict(rng.sample(items, len(items)))
        if isinstance(value, list):
            return rng.sample(value, len(value))
        return (
            {"7d": "168h", "2w": "14d", "1d": "1440m"}.get(value, value) if isinstance(value, str) else value
        )

    again = {**raw, "stages": turned(raw["stages"]), "handoffs": turned(raw["handoffs"])}
    again["stages"].setdefault("demotion", {}).setdefault(
        "below_ratio", 0.8
    )  # what holds without being written
    assert read(written(raw)).differences(model_of(again)) == []


def test_comments_leave_the_hash_and_any_word_of_it_changes_it() -> None:
    text = written({"features": ["fit"], "label": {"source": "leads", "where": {"won": "1"}}, "stages": {"mql": {"at_least": 0.1}, "sales_ready": {"at_least": 0.3}}, "agreement": {"version": "2026-01", "sales_ready_means": "so"}})  # fmt: skip
    plain = read(text).signature
    commented = "# ours\n" + text.replace("at_least = 0.1", "at_least   =  0.1  # since May")
    assert read(commented).signature == plain
    for old, new in (
        ('"so"', '"thus"'),
        ('"sales"', '"sellers"'),
        ("2026-01-12", "2026-01-13"),
        ("0.3", "0.4"),
    ):
        assert text.count(old) == 1
        assert read(text.replace(old, new)).signature.digest != plain.digest


# in a project


def project(root: Path, agreed: str = AGREED) -> Path:
    write(root, edited(FULL, MODEL, "[stages.sql]", agreed + "\n[stages.sql]"))
    return root


def edit(root: Path, old: str, new: str) -> None:
    path = root / MODEL
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def declared(root: Path) -> Declarations:
    return open_project(root).declarations()


def test_a_draft_says_so_and_a_signature_silences_it(tmp_path: Path) -> None:
    root = project(tmp_path)
    found = declared(root)
    assert found.signature is None
    assert found.draft_notices() == (
        "models/conversion.toml: agreement '2026-01' is a draft: neither marketing nor sales has signed "
        "(`lqmodel policy sign --version 2026-01 --by marketing --by sales`)",
    )
    found.check_signed()
    before = (root / MODEL).read_bytes()
    sign(root, None, "2026-01", TEAMS, DAY)
    assert (root / MODEL).read_bytes() == before, "it names that version already"
    signed = declared(root)
    assert signed.draft_notices() == ()
    assert str(signed.signature) == "'2026-01', which marketing and sales signed on 2026-01-12"
    assert signed.fingerprint() == found.fingerprint(), "who signed is nothing that scores rest on"
    assert Declarations.from_json(signed.to_json()) == signed
    assert load(tmp_path / "none").draft_notices() == (), "without an agreement there is nothing to sign"


def test_another_rule_is_refused_with_the_difference(tmp_path: Path) -> None:
    root = project(tmp_path)
    sign(root, None, "2026-01", TEAMS, DAY)
    edit(root, "per_week = 40", "per_week = 45")
    edit(root, 'promote_any = ["visits"]\n', "")
    edit(root, "as many as sales can call", "what sales likes")
    with pytest.raises(Refused) as refused:
        declared(root).check_signed()
    assert str(refused.value) == (
        "models/conversion.toml: the rules are not those of agreement '2026-01', which marketing and sales signed on 2026-01-12\n"
        "    agreement.sales_ready_means: signed 'as many as sales can call', declared 'what sales likes'\n"
        "    stages.sales_ready.capacity.per_week: signed 40, declared 45\n"
        "    stages.sales_ready.promote_any: signed ['visits'], declared nothing\n"
        "  do: have the new rules signed: `lqmodel policy sign --version NEW --by marketing --by sales`, or put the signed ones back"
    )
    told = sign(root, None, "2026-02", TEAMS, DAY)
    assert told[:3] == [
        "signed by marketing, sales: models/agreements/conversion/2026-02.toml",
        "agreement '2026-02' is in force",
        "models/conversion.toml names '2026-02' now",
    ]
    declared(root).check_signed()
    assert sorted(p.name for p in (root / "models/agreements/conversion").iterdir()) == [
        "2026-01.toml",
        "2026-02.toml",
    ]


def test_teams_absences_and_retention_change_without_a_signature(tmp_path: Path) -> None:
    root = project(tmp_path)
    sign(root, None, "2026-01", TEAMS, DAY)
    with (root / MODEL).open("a") as file:
        file.write(
            '\n[handoffs.retention]\nruns = "90d"\n[handoffs.owners]\nteams = { all = { people = ["ann"] } }\n'
            'absences = { ann = ["2026-02-02", "2026-02-06"] }\n'
        )
    declared(root).check_signed()


def test_a_signed_version_is_never_written_again(tmp_path: Path) -> None:
    root = project(tmp_path)
    sign(root, None, "2026-01", TEAMS, DAY)
    before = contents(root)
    for version, teams in (("2026-01", TEAMS), ("2026-01", ["sales"]), ("2026-01", ["the board"])):
        with pytest.raises(Refused, match="is never written again") as refused:
            sign(root, None, version, teams, date(2026, 5, 1))
        assert "sign the rules of today under another version" in str(refused.value)
    edit(root, "per_week = 40", "per_week = 45")
    with pytest.raises(Refused, match="never written again"):
        sign(root, None, "2026-01", TEAMS, date(2026, 5, 1))
    edit(root, "per_week = 45", "per_week = 40")
    assert contents(root) == before


HALF = "agreement '2026-01' is not in force: marketing signed, sales has not"


@pytest.mark.parametrize(("first", "second"), [("marketing", "sales"), ("sales", "marketing")])
def test_an_agreement_is_in_force_once_both_have_signed(first: str, second: str, tmp_path: Path) -> None:
    root = project(tmp_path)
    told = sign(root, None, "2026-01", [first.title()], DAY)
    half = f"agreement '2026-01' is not in force: {first} signed, {second} has not"
    assert told[:2] == [f"signed by {first}: models/agreements/conversion/2026-01.toml", half]
    found = declared(root)
    assert found.signature is not None
    assert (found.signature.by, found.signature.missing) == ((first,), (second,))
    assert found.draft_notices() == (
        f"models/conversion.toml: {half} (`lqmodel policy sign --version 2026-01 --by {second}`)",
    )
    with pytest.raises(Refused, match=f"never written again\\n  do: let {second} sign it too"):
        sign(root, None, "2026-01", [first], date(2026, 1, 13))
    told = sign(root, None, "2026-01", [second], date(2026, 1, 13))
    assert told[:2] == [
        f"signed by {second} too: models/agreements/conversion/2026-01.toml",
        "agreement '2026-01' is in force",
    ]
    signed = declared(root)
    assert str(signed.signature) == f"'2026-01', which {first} and {second} signed on 2026-01-13"
    assert (signed.draft_notices(), signed.signature and signed.signature.missing) == ((), ())
    with pytest.raises(Refused, match="never written again"):
        sign(root, None, "2026-01", [second], DAY)


def test_others_than_marketing_and_sales_bring_nothing_in_force(tmp_path: Path) -> None:
    root = project(tmp_path)
    told = sign(root, None, "2026-01", ["the board", "marketing"], DAY)
    assert told[1] == "agreement '2026-01' is not in force: the board and marketing signed, sales has not"


def test_the_second_team_signs_what_the_first_has(tmp_path: Path) -> None:
    root = project(tmp_path)
    sign(root, None, "2026-01", ["marketing"], DAY)
    edit(root, "per_week = 40", "per_week = 45")
    before = contents(root)
    with pytest.raises(Refused, match="rules of today are not those of agreement '2026-01', which marketing"):
        sign(root, None, "2026-01", ["sales"], DAY)
    with pytest.raises(Refused, match="--version NEW --by marketing --by sales"):
        declared(root).check_signed()
    assert contents(root) == before


def test_a_signing_that_was_killed_is_ended_by_the_next(tmp_path: Path) -> None:
    root = project(tmp_path)
    text = (root / MODEL).read_text()
    sign(root, None, "2026-02", TEAMS, DAY)
    (root / MODEL).write_text(text)  # as if killed before the model named it
    told = sign(root, None, "2026-02", TEAMS, date(2026, 5, 1))
    assert told[0] == "signed already on 2026-01-12: models/agreements/conversion/2026-02.toml"
    assert declared(root).signature is not None


def test_a_second_signing_that_was_killed_is_ended_by_the_next(tmp_path: Path) -> None:
    root = project(tmp_path)
    text = (root / MODEL).read_text()
    sign(root, None, "2026-02", ["marketing"], DAY)
    sign(root, None, "2026-02", ["sales"], DAY)
    (root / MODEL).write_text(text)
    told = sign(root, None, "2026-02", ["sales"], date(2026, 5, 1))
    assert told[0] == "signed already on 2026-01-12: models/agreements/conversion/2026-02.toml"
    assert declared(root).draft_notices() == ()


def test_comments_of_the_model_survive_its_new_version(tmp_path: Path) -> None:
    root = project(tmp_path)
    with (root / MODEL).open("a") as file:
        file.write("# the last line\n")
    before = (root / MODEL).read_text()
    sign(root, None, "2026-02", TEAMS, DAY)
    assert (root / MODEL).read_text() == before.replace('"2026-01"', '"2026-02"')


def test_a_model_without_an_agreement_gets_one(tmp_path: Path) -> None:
    root = project(tmp_path, "")
    with pytest.raises(UsageError, match="what does sales-ready mean"):
        sign(root, None, "v1", TEAMS, DAY)
    sign(root, None, "v1", TEAMS, DAY, means="as many as fit")
    found = declared(root)
    found.check_signed()
    assert found.model.agreement is not None
    assert (found.model.agreement.version, found.model.agreement.sales_ready_means) == (
        "v1",
        "as many as fit",
    )


@pytest.mark.parametrize("version", ["", "../x", "a b", ".hidden", "x" * 101])
def test_a_version_that_names_no_file_is_refused(version: str, tmp_path: Path) -> None:
    root = project(tmp_path)
    before = contents(root)
    with pytest.raises(UsageError, match="names no file"):
        sign(root, None, version, TEAMS, DAY)
    assert contents(root) == before
    edit(root, '"2026-01"', f'"{version}"')
    assert declared(root).signature is None


@pytest.mark.parametrize(
    ("teams", "told"), [([], "nobody signs"), (["sales", "sales"], "'sales' signs twice")]
)
def test_teams_that_do_not_sign(teams: list[str], told: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=told):
        sign(project(tmp_path), None, "v1", teams, DAY)


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    root = project(tmp_path)
    (root / "models" / "agreements").write_text("a file")
    with pytest.raises(CannotWrite, match="cannot write"):
        sign(root, None, "v1", TEAMS, DAY)


def test_the_example_is_signed() -> None:
    assert "models/agreements/lead_conversion/2026-01.toml" in example_files()
    found = open_project(Path(__file__).parents[1]).declarations()
    found.check_signed()
    assert found.signature is not None
    assert found.signature.version == "2026-01"


def test_the_example_signs_nothing_of_a_model_that_was_changed(tmp_path: Path) -> None:
    write_example(tmp_path)
    model, agreements = tmp_path / "models" / "lead_conversion.toml", tmp_path / "models" / "agreements"
    before = contents(tmp_path)
    write_example(tmp_path)
    assert contents(tmp_path) == before
    shutil.rmtree(agreements)
    model.write_text(model.read_text().replace("per_week = 100", "per_week = 15"))
    write_example(tmp_path)
    assert not agreements.exists()


# training and scoring


def test_training_and_check_stop_at_rules_that_nobody_signed(
    tmp_path: Path, lqmodel: Callable[..., Ended]
) -> None:
    write_flat(tmp_path)
    model = tmp_path / "models" / "flat.toml"
    model.write_text(model.read_text() + AGREED)
    assert "models/flat.toml: agreement '2026-01' is a draft" in lqmodel("check", "--project", tmp_path).out
    ended = lqmodel("policy", "sign", "--version", "2026-01", "--by", "sales", "--project", tmp_path)
    assert (ended.code, ended.out.splitlines()[0]) == (
        0,
        "signed by sales: models/agreements/flat/2026-01.toml",
    )
    half = "agreement '2026-01' is not in force: sales signed, marketing has not"
    assert half in ended.out
    assert half in lqmodel("check", "--project", tmp_path).out
    assert half in lqmodel("train", "--project", tmp_path).err
    lqmodel("policy", "sign", "--version", "2026-01", "--by", "marketing", "--project", tmp_path)
    assert "agreement" not in lqmodel("check", "--project", tmp_path).out
    model.write_text(model.read_text().replace("at_least = 0.5", "at_least = 0.6"))
    told = "stages.sales_ready.at_least: signed 0.5, declared 0.6"
    ended = lqmodel("check", "--project", tmp_path)
    assert ended.code == 1
    assert told in ended.out
    assert "audit: " in ended.out, "the rest is told all the same"
    lqmodel("train", "--project", tmp_path).refused(
        1, told, "lqmodel policy sign --version NEW --by marketing"
    )


def test_a_bundle_carries_who_signed_and_needs_no_file(company: Trained, tmp_path: Path) -> None:
    bundle = company.bundle
    assert bundle.declarations.signature is not None
    alone = Bundle.load(bundle.save(tmp_path / "alone"))
    assert alone.declarations.signature == bundle.declarations.signature
    Night.of(tmp_path, alone, None, None, 0)


def test_a_signed_file_that_was_changed_is_found(company: Trained, tmp_path: Path) -> None:
    root = company.copy(tmp_path / "project")
    path = root / "models" / "agreements" / "lead_conversion" / "2026-01.toml"
    path.write_text("# read again\n" + path.read_text())
    handled(company.bundle, root)
    path.write_text(path.read_text().replace('"sales"]', '"sales", "the board"]'))
    path.write_text(path.read_text().replace('["marketing", "sales"]', '["marketing"]'))
    with pytest.raises(Refused, match="'2026-01' was changed after it was signed"):
        handled(company.bundle, root)  # a signature cannot be taken back
    path.write_text(path.read_text().replace('["marketing"]', '["marketing", "sales"]'))
    with pytest.raises(
        Refused, match="'2026-01' was changed after it was signed: the model was trained with"
    ):
        handled(company.bundle, root)


def test_the_second_signature_comes_after_the_training(
    company: Trained, tmp_path: Path, lqmodel: Callable[..., Ended]
) -> None:
    """Half-signed when it was trained, and when it first scored: both say so, and no training is needed to end it."""
    root = company.copy(tmp_path / "project")
    found = company.bundle.declarations
    assert found.signed is not None
    half = Signed.read(TomlFile("2026-01.toml", {**found.signed.raw, "signed_by": ["marketing"]}))
    bundle = replace(company.bundle, declarations=replace(found, signed=half))
    path = root / "models" / "agreements" / "lead_conversion" / "2026-01.toml"
    text = path.read_text()
    path.write_text(text.replace('["marketing", "sales"]', '["marketing"]'))
    scorer = handled(bundle, root)
    (told,) = Night.of(root, scorer, None, None, 0).rules.notices
    assert HALF in told
    assert scorer.declarations.signature is not None
    assert scorer.declarations.signature.to_json()["missing"] == ["sales"]
    sign(root, None, "2026-01", ["sales"], DAY)
    scorer = handled(bundle, root)
    assert Night.of(root, scorer, None, None, 0).rules.notices == ()
    assert scorer.declarations.signature is not None
    assert scorer.declarations.signature.missing == ()
    path.write_text(path.read_text().replace("per_week = 100", "per_week = 101"))
    with pytest.raises(Refused, match="was changed after it was signed"):
        handled(bundle, root)


def test_other_handoffs_are_agreed_without_training_and_other_stages_are_not(
    company: Trained, tmp_path: Path
) -> None:
    root = company.copy(tmp_path / "project")
    model = root / "models" / "lead_conversion.toml"
    model.write_text(model.read_text().replace("at_most_moving = 0.15", "at_most_moving = 0.5"))
    bundle = company.bundle
    with pytest.raises(Refused, match=r"handoffs.at_most_moving: signed 0.15, declared 0.5"):
        Night.of(root, handled(bundle, root), None, None, 0)
    sign(root, None, "2026-02", TEAMS, DAY)
    agreed = handled(bundle, root)
    assert agreed.version == bundle.version
    assert agreed.declarations.model.agreement is not None
    assert agreed.declarations.signature is not None
    assert agreed.declarations.model.agreement.version == agreed.declarations.signature.version == "2026-02"
    assert Night.of(root, agreed, None, None, 0).rules.notices == ()
    model.write_text(model.read_text().replace("at_least = 0.05", "at_least = 0.06"))
    sign(root, None, "2026-03", TEAMS, DAY)
    behind = handled(bundle, root)
    assert behind.declarations.signature == bundle.declarations.signature
    assert Night.of(root, behind, None, None, 0).rules.notices == (
        "models/lead_conversion.toml names agreement '2026-03', whose stages are not those of this model"
        " (agreement '2026-01'): train again to apply it",
    )


def test_a_broken_file_of_an_agreement_is_a_bad_declaration(tmp_path: Path) -> None:
    root = project(tmp_path)
    sign(root, None, "2026-01", TEAMS, DAY)
    path = root / "models" / "agreements" / "conversion" / "2026-01.toml"
    path.write_bytes(path.read_bytes()[:-40])  # a kill while it was written
    with pytest.raises((BadDeclaration, Refused)):
        declared(root).check_signed()
