"""Whatever stands under [crm.NAME]: it loads, or it is refused with its file, line and what to do."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_declarations import FULL, load
from test_declarations_fuzz import TOML_VALUES

from lqmodel.declarations.base import Declared
from lqmodel.declarations.crm import STAGES
from lqmodel.declarations.crms import Dynamics, HubSpot, Nutshell, Salesforce
from lqmodel.errors import BadDeclaration
from lqmodel.stages import STAGES as MACHINE

KINDS = (HubSpot, Salesforce, Dynamics, Nutshell)


def paths(kind: type[Declared], at: str) -> list[str]:
    """Every key of a CRM's table and of the tables in it, dotted."""
    found = []
    for key, hint in get_type_hints(kind).items():
        if key in kind.model_fields:
            inner = isinstance(hint, type) and issubclass(hint, Declared)
            found += paths(hint, f"{at}.{key}") if inner else [f"{at}.{key}"]
    return found


PATHS = [path for kind in KINDS for path in paths(kind, f"crm.{kind.__name__.lower()}")]
MORE = [
    '"=x"',
    '"lq_score"',
    '"customer"',
    '"salesqualifiedlead"',
    '{ Status = ["a"] }',
    '{ lifecyclestage = "x" }',
    "false",
    '"a\\tb"',
]


@given(
    st.lists(
        st.tuples(st.sampled_from(PATHS), st.sampled_from([*TOML_VALUES, *MORE])),
        max_size=4,
        unique_by=lambda item: item[0],
    )
)
@settings(max_examples=200, deadline=None)
def test_it_loads_or_is_refused_with_what_to_do(lines: list[tuple[str, str]]) -> None:
    text = "".join(f"{path} = {value}\n" for path, value in lines)
    model = "models/conversion.toml"
    refusal = ""
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = load(Path(folder), {**FULL, model: f"{text}{FULL[model]}"}).model.crm.declared()
        except BadDeclaration as refused:
            refusal = str(refused)
    if refusal:
        assert re.match(rf"{re.escape(model)}:\d+: ", refusal)
        assert "\n  do: " in refusal
    else:
        assert set(found) == {path.split(".")[1] for path, _ in lines}


def test_there_are_many_keys_to_try() -> None:
    assert len(PATHS) > 100
    assert "crm.hubspot.lifecycle.sales_ready" in PATHS


def test_the_stages_are_those_of_the_machine() -> None:
    assert tuple(STAGES.values()) == MACHINE


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_table_will_do(kind: type[Declared], tmp_path: Path) -> None:
    name = kind.__name__.lower()
    model = "models/conversion.toml"
    found = load(tmp_path, {**FULL, model: f"{FULL[model]}\n[crm.{name}]\n"})
    assert list(found.model.crm.declared()) == [name]
    assert found.fingerprint() == load(tmp_path / "without").fingerprint(), "a mapping makes no other model"
