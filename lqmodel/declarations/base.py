"""What all declarations share: frozen models, and refusals that know where they belong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, time
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from lqmodel.errors import nearest


class Misfit(ValueError):
    """A value is off; loading turns it into a BadDeclaration with file and line.

    Parameters
    ----------
    message : str
        What is wrong, naming the culprit.
    at : tuple of str
        The keys that lead from the validated table or field to the culprit.
    exists : iterable of str, optional
        What may stand there.
    do : str, optional
        What the user can do about it.
    """

    def __init__(
        self,
        message: str,
        *,
        at: tuple[str, ...] = (),
        exists: Iterable[str] | None = None,
        do: str | None = None,
    ) -> None:
        super().__init__(message)
        self.at = at
        self.exists = None if exists is None else tuple(exists)
        self.do = do


def suggestion(name: str, allowed: Iterable[str]) -> str | None:
    """Return what to do about a name that is not among ``allowed``.

    >>> suggestion("windos", ["where", "windows"])
    "write 'windows'"
    """
    near = nearest(name, allowed)
    return f"write {near!r}" if near else None


class Declared(BaseModel):
    """Base of all declarations: frozen, nothing is converted, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _freeze_lists(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        return {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}


def short(value: Any, most: int = 60) -> str:
    """Write a value much as TOML does, cut to ``most`` characters for a message.

    >>> short(["a", True, {"ge": 5}])
    "['a', true, { ge = 5 }]"
    """
    text = _toml(value)
    return text if len(text) <= most else f"{text[:most]}…"


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{k} = {_toml(v)}' for k, v in value.items())} }}" if value else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, date | time) else repr(value)


def plain(value: Any) -> Any:
    """Turn TOML values into JSON values; dates become ISO text."""
    if isinstance(value, Mapping):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    return value.isoformat() if isinstance(value, date | time) else value
