"""What marketing and sales signed: the rules as they were then, and whether those that are declared are still the same."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field

from lqmodel.declarations.base import Declared, Misfit, plain, short
from lqmodel.declarations.handoffs import Promised
from lqmodel.declarations.lines import KeyPath
from lqmodel.declarations.loading import TomlFile, validate
from lqmodel.declarations.model import Model
from lqmodel.declarations.stages import NEVER_WAKES, Stages
from lqmodel.declarations.values import MICROSECONDS, Duration, Names
from lqmodel.errors import Refused
from lqmodel.files import canonical, sha256

FOLDER: Final = "agreements"
SENTENCE: KeyPath = ("agreement", "sales_ready_means")
SAFE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""A version that can name a file."""
DIGITS: Final = 12
PARTIES: Final = ("marketing", "sales")
"""The teams without whose signatures no agreement is in force; others may sign too."""
Rules = dict[KeyPath, Any]


def parse_day(value: Any) -> date:
    """Read a date, or the same as ISO text, as bundles hold it.

    >>> parse_day("2026-01-15")
    datetime.date(2026, 1, 15)
    """
    try:
        if type(value) is date:
            return value
        return date.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise Misfit(f"must be a day, got {short(value)}", do="write 2026-01-15") from error


Day = Annotated[date, BeforeValidator(parse_day)]


class SignedRules(Declared):
    """What marketing and sales signed; `lqmodel policy sign` writes it, and nobody changes it once both have."""

    version: str = Field(description="names the agreement; the file is called so")
    signed_by: Names = Field(min_length=1, description="the teams that signed")
    signed_on: Day = Field(description="when the last of them did")
    sales_ready_means: str = Field(description="what a handoff promises, in words")
    stages: Stages = Field(
        description="the rule of the stages, as declared; what is solved from it stands in the bundle"
    )
    handoffs: Promised = Field(Promised(), description="what both promise of a handoff")


@dataclass(frozen=True)
class Signature:
    """Which signed agreement a run or a bundle carries.

    Attributes
    ----------
    version : str
    by : tuple of str
        The teams that signed.
    on : date
    digest : str
        First 12 digits of the SHA-256 of what the file says; comments and order are no part of it.
    """

    version: str
    by: tuple[str, ...]
    on: date
    digest: str

    @property
    def missing(self) -> tuple[str, ...]:
        """The teams that have yet to sign; as long as there is one, the agreement is not in force."""
        return _missing(self.by)

    def __str__(self) -> str:
        return f"{self.version!r}, which {_and(self.by)} signed on {self.on.isoformat()}"

    def to_json(self) -> dict[str, Any]:
        """Return what the manifest of a run holds beside the version."""
        return {
            "by": list(self.by),
            "digest": self.digest,
            "missing": list(self.missing),
            "on": self.on.isoformat(),
        }


@dataclass(frozen=True)
class Signed:
    """A signed agreement: what its file says, checked, and as it was read."""

    rules: SignedRules
    raw: Mapping[str, Any]

    @classmethod
    def read(cls, file: TomlFile) -> Signed:
        """Check the file of an agreement.

        Raises
        ------
        BadDeclaration
            It does not say what it has to, or another version than it is called.
        """
        rules = validate(SignedRules, file.values, file, ())
        if rules.version != Path(file.name).stem:
            raise file.refuse(
                f"version: {rules.version!r}, and the file is called {Path(file.name).name}",
                ("version",),
                do="bring back the file as it was signed",
            )
        return cls(rules, plain(file.values))

    @property
    def signature(self) -> Signature:
        """Who signed which version, and its hash."""
        rules = self.rules
        digest = sha256(canonical(self.raw))[:DIGITS]
        return Signature(rules.version, rules.signed_by, rules.signed_on, digest)

    def goes_on_from(self, before: Signed) -> bool:
        """Whether this is what was signed before, and at most a team that was missing has signed since."""
        same = (before.rules.version, signed_rules(before.rules)) == (
            self.rules.version,
            signed_rules(self.rules),
        )
        more = bool(before.signature.missing) and set(before.rules.signed_by) < set(self.rules.signed_by)
        return before.signature == self.signature or (same and more)

    def differences(self, model: Model) -> list[tuple[KeyPath, str]]:
        """Return where the rules that a model declares are not those signed, and in words how; sorted."""
        theirs, ours = signed_rules(self.rules), declared_rules(model)
        found = []
        for path in sorted({*theirs, *ours}):
            then, now = theirs.get(path), ours.get(path)
            if then != now:
                found.append((path, f"{'.'.join(path)}: signed {_told(then)}, declared {_told(now)}"))
        return found


def agreement_file(root: Path, name: str, values: Mapping[str, Any]) -> TomlFile | None:
    """Read the signed agreement that a model's TOML names; None where nobody has signed that version.

    Parameters
    ----------
    root : Path
        The project's folder.
    name : str
        Of the model.
    values : mapping
        What its TOML holds, not yet checked.
    """
    named = values.get("agreement")
    version = named.get("version") if isinstance(named, Mapping) else None
    path = signed_path(root, name, version) if isinstance(version, str) else None
    return TomlFile.read(path, root) if path is not None and path.is_file() else None


def signed_path(root: Path, name: str, version: str) -> Path | None:
    """Return where a version lies once it is signed; None for a version that cannot name a file."""
    return root / "models" / FOLDER / name / f"{version}.toml" if SAFE.fullmatch(version) else None


def check_signed(name: str, model: Model, signed: Signed | None) -> None:
    """Refuse rules that are not those that were signed under the version that the model names.

    One team's signature is enough for that: what the other will sign is what the first has.

    Raises
    ------
    Refused
        A rule differs; the message shows each.
    """
    if signed is None:
        return
    differing = signed.differences(model)
    if differing:
        lines = "".join(f"\n    {told}" for _, told in differing)
        raise Refused(
            f"the rules are not those of agreement {signed.signature}{lines}",
            where=f"models/{name}.toml",
            do="have the new rules signed: `lqmodel policy sign --version NEW "
            f"{_by(dict.fromkeys((*PARTIES, *signed.rules.signed_by)))}`, or put the signed ones back",
        )


def draft_notices(name: str, model: Model, signed: Signed | None) -> tuple[str, ...]:
    """Say who has yet to sign the agreement that a model names; nothing where it is in force, or there is none."""
    if model.agreement is None:
        return ()
    version = model.agreement.version
    signature = None if signed is None else signed.signature
    told = unsigned(version, None if signature is None else signature.to_json())
    if told is None:
        return ()
    written = version if SAFE.fullmatch(version) else "VERSION"
    missing = PARTIES if signature is None else signature.missing
    return (f"models/{name}.toml: {told} (`lqmodel policy sign --version {written} {_by(missing)}`)",)


def unsigned(version: str | None, signed: Mapping[str, Any] | None) -> str | None:
    """Say that an agreement is not in force, and who has yet to sign; None where it is, or there is none.

    Parameters
    ----------
    version : str or None
    signed : mapping or None
        As in `Signature.to_json`, or in the manifest of a run; None: nobody signed.

    Examples
    --------
    >>> unsigned("2026-01", {"by": ["marketing"]})
    "agreement '2026-01' is not in force: marketing signed, sales has not"
    >>> unsigned("2026-01", {"by": ["marketing", "sales"]})
    """
    missing = yet_to_sign(version, signed)
    if not missing:
        return None
    if signed is None:
        return f"agreement {version!r} is a draft: neither {' nor '.join(PARTIES)} has signed"
    by = tuple(signed["by"])
    without = f"{missing[0]} has not" if len(missing) == 1 else f"{_and(missing)} have not"
    return f"agreement {version!r} is not in force: {_and(by)} signed, {without}"


def yet_to_sign(version: str | None, signed: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Return which teams have yet to sign, as `unsigned` tells; none where there is no agreement.

    >>> yet_to_sign("2026-01", {"by": ["marketing"]}), yet_to_sign("2026-01", None), yet_to_sign(None, None)
    (('sales',), ('marketing', 'sales'), ())
    """
    return () if version is None else _missing(() if signed is None else tuple(signed["by"]))


def _missing(by: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(team for team in PARTIES if team not in by)


def _by(teams: Iterable[str]) -> str:
    return " ".join(f"--by {team}" for team in teams)


def declared_rules(model: Model) -> Rules:
    """Return each rule of a model that both teams sign: path → value, without what is not declared.

    Who is in which team, who is away and how long data are kept is no part of it: that changes without sales
    and marketing meeting.
    """
    said = model.agreement
    sentence = {} if said is None else {SENTENCE: said.sales_ready_means}
    promised = Promised.model_validate({k: getattr(model.handoffs, k) for k in Promised.model_fields})
    return sentence | dict(_flat(model.stages, ("stages",))) | dict(_flat(promised, ("handoffs",)))


def same_stages(one: Stages, other: Stages) -> bool:
    """Whether two declarations of the stages are the same rule, however they are written."""
    return dict(_flat(one, ())) == dict(_flat(other, ()))


def signed_rules(rules: SignedRules) -> Rules:
    """Return the same of what was signed."""
    parts = (*_flat(rules.stages, ("stages",)), *_flat(rules.handoffs, ("handoffs",)))
    return {SENTENCE: rules.sales_ready_means, **dict(parts)}


def _flat(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
    """Yield path → value of everything that is declared or has a default; lists of names have no order."""
    if isinstance(value, Declared):
        for name, field in type(value).model_fields.items():
            yield from _flat(getattr(value, name), (*path, field.alias or name))
    elif isinstance(value, Duration):
        yield path, _length(value)
    elif isinstance(value, tuple) and all(isinstance(item, str) for item in value):
        if value:
            yield path, sorted(value)
    elif isinstance(value, tuple):  # by level, or by code
        for name, inner in value:
            yield from _flat(inner, (*path, name))
    elif value is not None:
        yield path, value


def _length(value: Duration) -> str:
    """Write a duration in the largest unit that divides it, so that 7d and 168h are one."""
    if value == NEVER_WAKES:
        return value.text
    unit = next(u for u in ("d", "h", "m") if value.us % MICROSECONDS[u] == 0)
    return f"{value.us // MICROSECONDS[unit]}{unit}"


def _told(value: Any) -> str:
    return "nothing" if value is None else short(value)


def _and(names: tuple[str, ...]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
