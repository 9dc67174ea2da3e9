"""Encoding: stored once, applied by name, blind to order, silent about nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lqmodel.encoding import OTHER, ColumnEncoding, Encoding
from lqmodel.errors import BadData, ColumnMissing, WrongType

DTYPES = {"visits": "number", "country": "category"}
ROWS = st.lists(
    st.tuples(
        st.none() | st.integers(-5, 5) | st.floats(allow_infinity=False, width=32),
        st.none() | st.sampled_from(["DE", "RO", "NO", "other", ""]),
    ),
    min_size=1,
    max_size=30,
)


def table_of(rows):
    visits, country = zip(*rows, strict=True)
    numbers = pa.array([None if v is None else float(v) for v in visits], pa.float64())
    return pa.table({"visits": numbers, "country": pa.array(country, pa.string())})


@given(rows=ROWS, min_count=st.integers(1, 5), data=st.data())
def test_order_of_rows_and_columns_changes_nothing(rows, min_count, data):
    table = table_of(rows)
    order = data.draw(st.permutations(range(len(rows))))
    shuffled = table.take(order).select(["country", "visits"])
    encoding = Encoding.fit(table, DTYPES, min_count)
    again = Encoding.fit(shuffled, dict(reversed(DTYPES.items())), min_count)
    assert json.dumps(again.to_json()) == json.dumps(encoding.to_json())
    assert np.array_equal(encoding.transform(shuffled), encoding.transform(table)[order], equal_nan=True)


@given(rows=ROWS, min_count=st.integers(1, 5))
def test_json_round_trip(rows, min_count):
    encoding = Encoding.fit(table_of(rows), DTYPES, min_count)
    assert Encoding.from_json(json.loads(json.dumps(encoding.to_json()))) == encoding


@given(rows=ROWS, min_count=st.integers(1, 5))
def test_codes_name_their_level_and_missing_stays_missing(rows, min_count):
    table = table_of(rows)
    encoding = Encoding.fit(table, DTYPES, min_count)
    levels = encoding.columns[0].levels
    for (visits, country), (code, number) in zip(rows, encoding.transform(table), strict=True):
        assert np.isnan(number) if visits is None else number == float(visits) or np.isnan(visits)
        assert np.isnan(code) if country is None else levels[int(code)] in (country, OTHER)


def test_levels_by_count_then_name_and_rare_ones_share_other():
    country = ["RO"] * 3 + ["DE"] * 3 + ["NO"] * 4 + ["FR", "IT", None]
    encoding = Encoding.fit(pa.table({"country": country}), {"country": "category"}, min_count=3)
    assert encoding.columns == (ColumnEncoding("country", "category", ("NO", "DE", "RO", OTHER)),)
    new = pa.table({"country": ["DE", "FR", "JP", "JP", None]})
    assert np.array_equal(encoding.transform(new)[:, 0], [1, 3, 3, 3, np.nan], equal_nan=True)
    assert encoding.unseen(new) == {"country": {"JP": 2, "FR": 1}}


def test_an_unseen_level_is_missing_where_there_is_no_other():
    encoding = Encoding.fit(pa.table({"c": ["a", "a"]}), {"c": "category"}, min_count=1)
    assert np.array_equal(encoding.transform(pa.table({"c": ["a", "b"]}))[:, 0], [0, np.nan], equal_nan=True)
    assert encoding.unseen(pa.table({"c": ["a", "b"]})) == {"c": {"b": 1}}
    assert encoding.unseen(pa.table({"c": ["a", None]})) == {}


def test_a_level_called_other_means_other():
    encoding = Encoding.fit(pa.table({"c": ["other"] * 5 + ["x"]}), {"c": "category"}, min_count=2)
    assert encoding.columns[0].levels == ("other",)


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1, 2, None]),
        pa.array([1.0, 2.0, None]),
        pa.array([1.0, 2.0, float("nan")]),
        pa.array(["1", "2", None]),
        pa.array(["1", "2", None]).dictionary_encode(),
        pa.array(["1", "2", None], pa.large_string()),
    ],
    ids=str,
)
def test_a_level_keeps_its_name_whatever_type_it_comes_in(column):
    encoding = Encoding.fit(pa.table({"c": ["1", "2", "2"]}), {"c": "category"}, min_count=1)
    assert np.array_equal(encoding.transform(pa.table({"c": column}))[:, 0], [1, 0, np.nan], equal_nan=True)


@pytest.mark.parametrize(
    ("column", "numbers"),
    [
        (pa.array([True, False, None]), [1, 0, np.nan]),
        (pa.array([1, 2, None], pa.int32()), [1, 2, np.nan]),
        (pa.array([Decimal("1.5"), Decimal("2.0"), None]), [1.5, 2, np.nan]),
        (pa.nulls(2), [np.nan, np.nan]),
        (pa.chunked_array([[1.0], [2.0]]), [1, 2]),
    ],
    ids=["boolean", "integer", "decimal", "null", "chunks"],
)
def test_numbers(column, numbers):
    table = pa.table({"n": column})
    encoded = Encoding.fit(table, {"n": "number"}).transform(table)
    assert encoded.dtype == np.float64
    assert np.array_equal(encoded[:, 0], numbers, equal_nan=True)


def test_columns_are_found_by_name_and_others_ignored():
    encoding = Encoding.fit(pa.table({"b": [1.0], "a": ["x"]}), {"b": "number", "a": "category"}, min_count=1)
    assert encoding.names == ("a", "b")
    assert encoding.categorical == [0]
    assert encoding.transform(pa.table({"z": [9], "b": [2.0], "a": ["x"]})).tolist() == [[0.0, 2.0]]


def test_a_table_without_rows():
    empty = pa.table({"visits": pa.array([], pa.float64()), "country": pa.array([], pa.string())})
    encoding = Encoding.fit(empty, DTYPES)
    assert encoding.transform(empty).shape == (0, 2)
    assert encoding.unseen(empty) == {}


def test_a_missing_column_is_named():
    with pytest.raises(ColumnMissing) as error:
        Encoding.fit(pa.table({"visit": [1.0], "x": [1]}), {"visits": "number"})
    assert str(error.value) == (
        "column 'visits' is not in the table\n  there is: visit, x\n  do: did you mean 'visit'?"
    )


def test_a_doubled_column_is_refused():
    table = pa.table([pa.array([1]), pa.array([2])], names=["n", "n"])
    with pytest.raises(BadData, match="'n' stands 2 times"):
        Encoding.fit(table, {"n": "number"})


def test_infinite_numbers_are_counted():
    table = pa.table({"n": [1.0, float("inf"), float("-inf")]})
    with pytest.raises(BadData, match="column 'n' holds 2 infinite values in 3 rows"):
        Encoding.fit(table, {"n": "number"})
    encoding = Encoding.fit(table.slice(0, 1), {"n": "number"})
    with pytest.raises(BadData, match="2 infinite"):
        encoding.transform(table)


def test_text_is_no_number():
    with pytest.raises(WrongType, match="'n' is declared as a number but holds string\n  there is: a, b"):
        Encoding.fit(pa.table({"n": ["a", "b"]}), {"n": "number"})


def test_a_list_is_no_category():
    with pytest.raises(WrongType, match="'c' is declared as a category but holds list"):
        Encoding.fit(pa.table({"c": [[1], [2]]}), {"c": "category"})


@pytest.mark.parametrize(
    "stored",
    [
        {},
        {"columns": [{"name": "a"}]},
        {"columns": [{"name": "a", "dtype": "text"}]},
        {"columns": [{"name": 1, "dtype": "number"}]},
        {"columns": [{"name": "a", "dtype": "category", "levels": [1]}]},
        {"columns": [{"name": "a", "dtype": "category", "levels": ["x", "x"]}]},
        {"columns": [{"name": "a", "dtype": "number", "levels": ["x"]}]},
        {"columns": [{"name": "b", "dtype": "number"}, {"name": "a", "dtype": "number"}]},
        {"columns": 3},
    ],
)
def test_what_is_not_an_encoding_is_refused(stored):
    with pytest.raises(BadData):
        Encoding.from_json(stored)


def test_scoring_imports_stay_light():
    heavy = "{'pandas', 'sklearn', 'scipy', 'lightgbm', 'mlflow', 'shap'}"
    code = f"import sys, lqmodel.encoding, lqmodel.calibration; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
