"""Looking up gives what filtering the whole file gives, and reads little of it."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from lqmodel.lookup import Lookup

KEYS = st.lists(st.text("abcä\U0001f600", max_size=3), max_size=60)


def write(path: Path, keys: list[str], rows: int, *, statistics: bool = True) -> pa.Table:
    table = pa.table(
        {"key": pa.array(sorted(keys), pa.string()), "n": pa.array(range(len(keys)), pa.int64())}
    )
    pq.write_table(table, path, row_group_size=rows, write_statistics=statistics)
    return table


@settings(max_examples=60, deadline=None)
@given(keys=KEYS, asked=KEYS, rows=st.integers(1, 9), statistics=st.booleans())
def test_law_looking_up_is_filtering(
    keys: list[str], asked: list[str], rows: int, statistics: bool, tmp_path_factory: object
) -> None:
    path = tmp_path_factory.mktemp("lookup") / "t.parquet"  # type: ignore[attr-defined]
    table = write(path, keys, rows, statistics=statistics)
    wanted = [row for row in table.to_pylist() if row["key"] in asked]
    assert Lookup(path, "key").rows(asked).to_pylist() == wanted


def test_a_file_that_took_its_place_is_the_one_that_is_read(tmp_path: Path) -> None:
    path, other = tmp_path / "t.parquet", tmp_path / "other.parquet"
    write(path, ["a", "b"], 1)
    lookup = Lookup(path, "key")
    assert len(lookup.rows(["b"])) == 1
    write(other, ["c"], 1)
    other.replace(path)
    assert lookup.rows(["b"]).num_rows == 0
    assert lookup.rows(["c"]).num_rows == 1


def test_only_the_groups_that_can_hold_a_key_are_read(tmp_path: Path) -> None:
    write(tmp_path / "t.parquet", ["a", "b", "b", "c", "d"], 2)  # a b | b c | d
    groups = Lookup(tmp_path / "t.parquet", "key")._groups
    assert [groups([key]) for key in ("a", "b", "bb", "d", "e")] == [[0], [0, 1], [1], [2], []]
