"""What a scoring says before it is believed."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
from projects import Trained

from lqmodel.bundle import Bundle
from lqmodel.cautions import flattered, nobody_scored, short_history, unseen_levels
from lqmodel.inputs import open_inputs

DAY = 86_400_000_000


def test_a_moment_that_the_model_was_fitted_on_flatters(company: Trained) -> None:
    bundle = Bundle.load(company.bundle_folder)
    last = bundle.fitted.last
    assert last is not None
    (said,) = flattered(bundle, pa.table({"lead_id": ["L-1"]}), last)
    assert "lies in the stretch that the model was fitted on" in said
    assert said.endswith("these scores flatter; take a later --as-of")
    assert flattered(bundle, pa.table({"lead_id": ["L-1"]}), last + 1) == []


def test_leads_that_the_model_was_fitted_on_flatter(flat: Trained) -> None:
    bundle = Bundle.load(flat.bundle_folder)
    leads = open_inputs(bundle.declarations, flat.root, with_label=False).facts["leads"].table
    ids = leads.execute()["__key"].tolist()
    (said,) = flattered(bundle, pa.table({"lead_id": [*ids[:3], "nobody"]}), None)
    assert said.startswith("3 of 4 leads were used to fit the model")
    assert flattered(bundle, pa.table({"lead_id": ["nobody"]}), None) == []


def test_a_source_that_begins_later_than_in_training_is_said(company: Trained) -> None:
    bundle = Bundle.load(company.bundle_folder)
    inputs = open_inputs(bundle.declarations, company.root)
    start = inputs.observed_from()["events"]
    earlier = replace(bundle, fitted=replace(bundle.fitted, observed_from={"events": start - 400 * DAY}))
    (said,) = short_history(earlier, inputs, start + 20 * DAY)
    assert said.startswith("source 'events' begins on ")
    assert "what happened before counts as nothing" in said
    assert short_history(earlier, inputs, start + 400 * DAY) == []
    assert short_history(bundle, inputs, start + 20 * DAY) == []


def test_levels_without_a_column_say_nothing() -> None:
    assert unseen_levels({"country": {}}) == []
    (said,) = unseen_levels({"country": {"AT": 2, "BE": 1}})
    assert said.startswith("column 'country': 3 leads with levels that training did not see")


def test_it_is_told_why_nobody_was_scored() -> None:
    assert nobody_scored(pa.chunked_array([["too old", None]])) == []
    assert nobody_scored(pa.chunked_array([pa.array([], pa.string())])) == []
    told = nobody_scored(pa.chunked_array([["too old", "won or lost before as_of", "too old"]]))
    assert told == [
        "no lead was scored: 2 too old, 1 won or lost before as_of; is --as-of the moment that the data speaks of?"
    ]
