"""What the user has already decided: the flags of `lqmodel init`, as values."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from lqmodel.declarations import check_zone
from lqmodel.errors import UsageError

Role = Literal["leads", "events", "outcomes", "attributes"]
ROLES: Final[tuple[str, ...]] = get_args(Role)
Ask = Callable[[str, Sequence[str], str], str]
"""(question, choices, default) → one of the choices."""


@dataclass(frozen=True)
class Answers:
    """Decisions that are not left to guessing; every field may stay at its default.

    A column is written ``COLUMN`` (in whichever table holds it) or ``SOURCE.COLUMN``.

    Attributes
    ----------
    key : tuple of str
        ``--key``: the column that names the lead, for all tables or for one each.
    label : str, optional
        ``--label COLUMN=VALUE``: what a win looks like.
    created : str, optional
        ``--created COLUMN``: when a lead was made.
    zone : str, optional
        ``--zone``: of dates and of times without an offset.
    account : str, optional
        ``--account COLUMN``: the company that a lead belongs to.
    name : str
        ``--name``: of the model.
    lead_source : str, optional
        ``--lead-source NAME``: the table with one row per lead.
    roles : mapping
        ``--role NAME=ROLE``: source → leads, events, outcomes or attributes.
    times : mapping
        ``--time NAME=COLUMN``: source → the column that says when its facts happened.
    keep : mapping
        ``--keep COLUMN="reason"``: columns to use although they look like leakage, constant or personal.
    drop : tuple of str
        ``--drop COLUMN``: columns to leave out.
    """

    key: tuple[str, ...] = ()
    label: str | None = None
    created: str | None = None
    zone: str | None = None
    account: str | None = None
    name: str = "lead_conversion"
    lead_source: str | None = None
    roles: Mapping[str, str] = field(default_factory=dict)
    times: Mapping[str, str] = field(default_factory=dict)
    keep: Mapping[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", self.name):
            raise UsageError(
                f"--name {self.name!r} is no name for a model", do="use lower-case letters, digits and _"
            )
        if self.zone is not None:
            check_zone(self.zone)
        for source, role in self.roles.items():
            if role not in ROLES:
                raise UsageError(
                    f"--role {source}={role}: no such role", exists=ROLES, do="name one of these"
                )
        for column, reason in self.keep.items():
            if len(reason.split()) < 3:
                raise UsageError(
                    f"--keep {column} needs a reason in words, got {reason!r}",
                    do=f'write --keep {column}="why it is known before the outcome"',
                )

    def key_of(self, source: str, sources: Collection[str]) -> str | None:
        """Return the column that ``--key`` names for a source: its own first, then the one for all."""
        own = [k.removeprefix(f"{source}.") for k in self.key if k.startswith(f"{source}.")]
        general = [k for k in self.key if k.partition(".")[0] not in sources]
        return next(iter([*own, *general]), None)

    def kept(self, source: str, column: str) -> str | None:
        """Return the reason why a column is kept, or None."""
        return self.keep.get(f"{source}.{column}", self.keep.get(column))

    def dropped(self, source: str, column: str) -> bool:
        return column in self.drop or f"{source}.{column}" in self.drop


def pairs(texts: Iterable[str], flag: str) -> dict[str, str]:
    """Read repeated ``NAME=VALUE`` of one flag; quotes around the value fall off.

    Raises
    ------
    UsageError
        No ``=``, an empty side, or a name given twice.

    >>> pairs(["leads=a.csv", "events=b.csv"], "--source")
    {'leads': 'a.csv', 'events': 'b.csv'}
    """
    read: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        name, value = name.strip(), value.strip().strip("\"'")
        if not (equals and name and value):
            raise UsageError(f"{flag} {text!r} is not NAME=VALUE", do=f"write {flag} NAME=VALUE")
        if name in read:
            raise UsageError(f"{flag} {name} is given twice", do="give it once")
        read[name] = value
    return read
