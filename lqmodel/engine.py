"""The embedded query engine: one place that opens DuckDB behind Ibis."""

from __future__ import annotations

from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

# Names of the columns that lqmodel adds to the facts of a source; users' columns cannot clash with them.
KEY = "__key"
AS_OF = "__as_of"  # int64 microseconds UTC: the moment looked from
CREATED = "__created"  # int64 microseconds UTC: when the lead was made
EPISODE = "__episode"  # int64: which time the lead is worked, counted from 1
FOREVER = 2**62  # microseconds: beyond any moment, and safe to add
GROUP = "__group"  # the account, else the lead
OCCURRED = "__occurred"  # int64 microseconds UTC: when the fact happened
KNOWN = "__known"  # int64 microseconds UTC: when it could first be used
TEXT = "__text_"  # before the name of a column of numbers that is also read as text: string
LOCAL_DAY = "__day"  # int64: the fact's date in the model's zone, as days since 1970-01-01


def connect(threads: int | None = None) -> Backend:
    """Open an empty in-memory database in UTC.

    Parameters
    ----------
    threads : int, optional
        Worker threads; default: all cores. Results do not depend on it.
    """
    con: Backend = ibis.duckdb.connect()
    con.raw_sql("SET TimeZone='UTC'")
    con.raw_sql("PRAGMA disable_progress_bar")  # the same as a SET fails in a notebook without ipywidgets
    con.raw_sql("SET autoinstall_known_extensions=false")
    con.raw_sql("SET autoload_known_extensions=false")
    con.raw_sql("SET preserve_insertion_order=false")
    # room for all threads to work on what is read batch by batch
    con.raw_sql("SET streaming_buffer_size='64MB'")
    if threads is not None:
        con.raw_sql(f"SET threads={int(threads)}")
    return con


def close_doors(con: Backend) -> None:
    """Forbid any further access to files and any change of settings: the inputs are read."""
    con.raw_sql("SET enable_external_access=false")
    con.raw_sql("SET lock_configuration=true")


def materialise(con: Backend, name: str, table: ir.Table) -> ir.Table:
    """Compute a table once and keep it in the database, under a name that may be used again.

    Raises
    ------
    duckdb.Error
        A value cannot be read as its expression needs.
    """
    quoted = '"' + name.replace('"', '""') + '"'
    con.raw_sql(f"CREATE OR REPLACE TEMP TABLE {quoted} AS {con.compile(table)}")
    return con.table(name, database=("temp", "main"))


def fetch(table: ir.Table) -> pa.Table:
    """Run a query into Arrow; unlike Ibis's own way, without importing pandas."""
    con = table.get_backend()
    return con.con.sql(con.compile(table)).to_arrow_table()


def settled(table: pa.Table) -> pa.Table:
    """Write zeros under missing numbers, where Arrow leaves whatever was in memory.

    Equal tables then have equal bytes.
    """
    for place, field in enumerate(table.schema):
        column = table[field.name].combine_chunks()
        if column.null_count and pa.types.is_primitive(field.type):
            filled = column.fill_null(pa.scalar(0, pa.int64()).cast(field.type))
            buffers = [column.is_valid().buffers()[1], filled.buffers()[1]]
            column = pa.Array.from_buffers(field.type, len(column), buffers)
        table = table.set_column(place, field, column)
    return table


def fetch_row(table: ir.Table) -> dict[str, Any]:
    """Return the first row of a query as Python values, by column."""
    row: dict[str, Any] = fetch(table).slice(0, 1).to_pylist()[0]
    return row


def as_text(column: ir.Column) -> ir.StringColumn:
    """Write a column of an input as text; whole numbers without ``.0``, NaN as missing.

    A column of whole numbers arrives as floats once a value is missing. Both must give the same text.
    Every engine writes floats differently, so this is done here alone, where inputs are read.
    """
    kind = column.type()
    if not (kind.is_floating() or kind.is_decimal()):
        return column.cast("string")
    number = column.cast("float64")
    integer = number.try_cast("int64")
    whole = (integer.cast("float64") == number).fill_null(False)
    text = whole.ifelse(integer.cast("string"), column.cast("string"))
    return number.isnan().ifelse(None, text)


def text_of(facts: ir.Table, column: str) -> ir.StringColumn:
    """Return a column of facts as the text that it was read as.

    Raises
    ------
    TypeError
        It holds floats, and its text was not read.
    """
    if TEXT + column in facts.columns:
        return facts[TEXT + column]
    kind = facts[column].type()
    if kind.is_floating() or kind.is_decimal():
        raise TypeError(f"the text of column {column!r} was not read")
    return facts[column].cast("string")
