"""A file of feedback, CSV or Parquet → what it says, row by row; what cannot be read is told with its row."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq

from lqmodel.crm.cells import written
from lqmodel.declarations import check_zone, to_microseconds
from lqmodel.errors import BadData, ColumnMissing, NoInput, UsageError
from lqmodel.ledger.feedback import Aside, Feedback
from lqmodel.roster import ID

NEEDED: Final = (ID, "act", "at")
TEXTS: Final = ("model", "reason", "note", "person", "token")
MORE: Final = (*TEXTS, "episode", "until", "worked_at")
YES: Final = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
DELIMITERS: Final = (";", "\t", ",")


@dataclass(frozen=True)
class FeedbackFile:
    """What a file says.

    Attributes
    ----------
    feedback : tuple of Feedback
        A row with ``worked_at`` gives two: when somebody called, and what was decided.
    aside : tuple of Aside
        Rows that cannot be read.
    unused : tuple of str
        Columns that were not looked at.
    """

    feedback: tuple[Feedback, ...]
    aside: tuple[Aside, ...]
    unused: tuple[str, ...]


def read_feedback(
    path: Path, checklist: Sequence[str], zone: str | None, now: int, columns: Mapping[str, str] | None = None
) -> FeedbackFile:
    """Read a file of feedback: ``lead_id``, ``act``, ``at``, and where there are, model, episode, reason, until,
    worked_at, note, person, token, and a column for each item of the checklist (yes or no).

    Parameters
    ----------
    path : Path
        .csv or .parquet.
    checklist : sequence of str
        Items of the checklist: columns of these names are its answers.
    zone : str or None
        Of times without an offset; None refuses them, row by row.
    now : int
        Microseconds UTC. A date means its day's end, or now if that is still to come.
    columns : mapping, optional
        Name of ours → name of the file's column.

    Raises
    ------
    NoInput, BadData
        The file is not there, or cannot be read.
    ColumnMissing
        lead_id, act or at is not there.
    UsageError
        ``columns`` names something that feedback does not have, or there is no such zone.
    """  # noqa: D205
    if zone is not None:
        check_zone(zone)
    known = (*NEEDED, *MORE, *checklist)
    named = {**dict(zip(known, known, strict=True)), **_checked(columns or {}, known)}
    names, rows = _rows(path)
    for name in NEEDED:
        if named[name] not in names:
            raise ColumnMissing(
                f"feedback has no column {named[name]!r}",
                where=str(path),
                exists=names,
                do=f"rename it in the file, or say --column {name}=…",
            )
    feedback: list[Feedback] = []
    aside: list[Aside] = []
    for number, row in enumerate(rows, 1):
        cells = {ours: row.get(theirs) for ours, theirs in named.items()}
        try:
            feedback += _read(cells, checklist, zone, now, number)
        except ValueError as error:
            told = {name: str(cells[name] if cells[name] is not None else "") for name in (ID, "act")}
            aside.append(Aside(Feedback(told[ID], told["act"], 0, row=number), str(error)))
    used = set(named.values())
    return FeedbackFile(tuple(feedback), tuple(aside), tuple(n for n in names if n not in used))


def _checked(columns: Mapping[str, str], known: Sequence[str]) -> Mapping[str, str]:
    for name in columns:
        if name not in known:
            raise UsageError(f"--column: feedback has no {name!r}", exists=known, do="name one of these")
    return columns


def _rows(path: Path) -> tuple[list[str], list[dict[str, Any]]]:
    try:
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            return table.column_names, table.to_pylist()
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise NoInput(f"no file {path}", do="name a CSV or Parquet file") from error
    except UnicodeDecodeError as error:
        raise BadData(
            f"byte 0x{error.object[error.start]:02x} is not UTF-8", where=str(path), do="save it as UTF-8"
        ) from error
    except (OSError, ValueError) as error:
        raise BadData(
            f"cannot be read: {error}", where=str(path), do="check that the file is whole"
        ) from error
    head = text.partition("\n")[0]
    delimiter = max(DELIMITERS, key=head.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, restkey="", strict=True)
    try:
        rows = list(reader)
    except csv.Error as error:
        raise BadData(
            f"line {reader.line_num} is not CSV: {error}", where=str(path), do="mend this line"
        ) from error
    return list(reader.fieldnames or []), rows


def _read(
    cells: Mapping[str, Any], checklist: Sequence[str], zone: str | None, now: int, row: int
) -> list[Feedback]:
    lead_id, act = _text(cells[ID]), _text(cells["act"])
    if lead_id is None or act is None:
        raise ValueError(f"no {ID if lead_id is None else 'act'}")
    at = _moment(cells["at"], "at", zone, now)
    if at is None:
        raise ValueError("no at: when was it done?")
    answers = {item: yes for item in checklist if (yes := _yes(cells[item], item)) is not None}
    episode = _text(cells["episode"])
    if episode is not None and not episode.isdecimal():
        raise ValueError(f"episode {episode!r} is no whole number")
    said = Feedback(
        lead_id,
        act.lower(),
        at,
        _text(cells["model"]),
        None if episode is None else int(episode),
        _text(cells["reason"]),
        _moment(cells["until"], "until", zone, None),
        answers,
        _text(cells["note"]),
        _text(cells["person"]),
        _text(cells["token"]),
        row,
    )
    worked_at = _moment(cells["worked_at"], "worked_at", zone, now)
    if worked_at is None or said.act == "worked":
        return [said]
    called = replace(
        said, act="worked", at=worked_at, reason=None, until=None, checklist={}, note=None, token=None
    )
    return [called, said]


def _text(value: Any) -> str | None:
    text = "" if value is None else str(value).strip()
    return text or None


def _yes(value: Any, item: str) -> bool | None:
    text = _text(value)
    if text is None:
        return None
    if text.lower() not in YES:
        raise ValueError(f"{item} is {text!r}: write yes or no, or leave it empty")
    return YES[text.lower()]


def _moment(value: Any, name: str, zone: str | None, now: int | None) -> int | None:
    """Read a moment; a date stands for its day's end, or now where that is still to come (``now`` given)."""
    if value is None or value == "":
        return None
    try:
        only_date = isinstance(value, date) and not isinstance(value, datetime)
        only_date = only_date or (isinstance(value, str) and len(value.strip()) == 10)
        plain = value.strip() if isinstance(value, str) else value
        moment = to_microseconds(plain, zone, end_of_day=only_date)
        start = to_microseconds(plain, zone)
    except ValueError as error:
        told = f"{name} {str(value)!r}"
        if "has no zone" in str(error):
            raise ValueError(f"{told}: {error}, or say --zone") from error
        raise ValueError(f"{told} is no moment: write 2026-01-31 or 2026-01-31T09:30+01:00") from error
    return min(moment, max(now, start)) if only_date and now is not None else moment


def write_rejects(aside: Sequence[Aside], write: Callable[[bytes], None]) -> None:
    """Write what was set aside as CSV: row of the file, lead, act, why; safe to open in a spreadsheet."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(("row", ID, "act", "why"))
    for a in aside:
        cells = (str(a.feedback.row or ""), a.feedback.lead_id, a.feedback.act, a.why)
        writer.writerow(map(written, cells))
    write(out.getvalue().encode())
