"""Which columns describe a lead, and which are left out, with the reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from lqmodel.audit import CONSTANT, ID_LIKE
from lqmodel.init.answers import Answers
from lqmodel.init.profile import Contents, Profile
from lqmodel.lexicon import ACCOUNT, CODE, ID, NAMES, found, too_late, words
from lqmodel.personal import personal, values_about_person

Use = Literal["number", "category", "display", "account", "out"]
FREE_TEXT: Final = 40  # characters on average, where values are mostly different
DIFFERENT: Final = 0.3  # share of different values that makes long texts free texts
MOST_CODES: Final = 50  # whole numbers with more values are amounts, whatever they are called
MOST_LEVELS: Final = 1_000  # a category with more is a name
ACCOUNT_SHARE: Final = (0.02, 0.99)  # different companies per lead


@dataclass(frozen=True)
class Choice:
    """What a column is used for; ``why`` is said of what is left out, shown or kept against the rule.

    ``group`` says the same without figures, so that columns with one fate share a sentence.
    """

    column: str
    use: Use
    why: str = ""
    accepted: bool = False
    group: str = ""


def choose(
    contents: Contents,
    taken: Iterable[str],
    answers: Answers,
    *,
    account: str | None,
    history: bool,
    late: Mapping[str, str],
) -> list[Choice]:
    """Decide on every column of a table of attributes, in the file's order.

    Parameters
    ----------
    contents : Contents
        The table.
    taken : iterable of str
        Columns with another part: key, times, label.
    answers : Answers
        Columns to keep.
    account : str, optional
        The column of the company.
    history : bool
        Whether each value has a time of its own, so that later values stand in later rows.
    late : mapping of str to str
        Columns that are known to be filled in too late, and why.
    """
    taken = set(taken)
    profiles = [p for p in contents.profiles.values() if p.name not in taken]
    return [_choose(contents.name, p, answers, account, history, late) for p in profiles]


def find_account(contents: Contents, taken: Iterable[str], named: str | None = None) -> str | None:
    """Return the column that names the lead's company by an id that several leads share; ``named``: it alone, if it does."""
    least, most = ACCOUNT_SHARE
    taken = set(taken)
    for p in contents.profiles.values():
        share = p.distinct / max(p.filled, 1)
        called = found(p.name, ACCOUNT) is not None if named is None else p.name == named
        if p.name not in taken and called and least <= share <= most:
            return p.name
    return None


def _choose(
    source: str,
    p: Profile,
    answers: Answers,
    account: str | None,
    history: bool,
    late: Mapping[str, str],
) -> Choice:
    kind: Use = "number" if _is_amount(p) else "category"
    reason = answers.kept(source, p.name)
    if p.name == account:
        return Choice(p.name, "account", "leads of one company stay together")
    if reason is not None:
        return Choice(p.name, kind, reason, accepted=True)
    if p.name in late and not history:
        return Choice(p.name, "out", late[p.name], group=late[p.name])
    if " ".join(words(p.name)) in NAMES:
        return Choice(p.name, "display", "a name: shown to people, never learnt from")
    group, why = _against(p, history, kind)
    return Choice(p.name, "out", why or group, group=group) if group else Choice(p.name, kind)


def _against(p: Profile, history: bool, kind: Use) -> tuple[str, str]:
    """Return why a column teaches nothing that may be learnt, in short and with its figures; ("", "") if it may."""
    values = [v for v, _ in p.levels]
    person, word = why_personal(p), None if history else too_late(p.name)
    if p.filled == 0:
        return "empty", ""
    if person:
        return person, ""
    if word:
        return (
            "named like facts that come with the outcome, and nothing shows when",
            f"{word!r} is often filled in with the outcome, and nothing shows when",
        )
    if p.top_share >= CONSTANT:
        return "nearly always the same", f"{p.top_share:.2%} of its rows are {p.top!r}"
    if p.moments:
        return "a date, not an attribute", ""
    if p.is_text and sum("@" in v for v in values) > len(values) / 2:
        return "it holds e-mail addresses", ""
    if p.is_text and not p.number and p.distinct >= DIFFERENT * p.filled and _phones(values):
        return "it holds phone numbers", ""
    if p.is_text and p.mean_length > FREE_TEXT and p.distinct > DIFFERENT * p.filled:
        return "free text", ""
    named = found(p.name, ID) is not None
    if (kind == "category" or named) and p.distinct >= ID_LIKE * p.filled:
        return (
            "it names leads, it does not describe them",
            f"{p.distinct:,} different values in {p.filled:,} rows: it names leads",
        )
    if kind == "category" and p.distinct > MOST_LEVELS:
        return "too many levels to learn from", f"{p.distinct:,} levels are too many to learn from"
    return "", ""


def why_personal(p: Profile) -> str | None:
    """Return why a column is about a person, by its name or its values, or None."""
    found_in = values_about_person(v for v, _ in p.levels) if p.is_text else None
    return personal(p.name) or (found_in.reason if found_in else None)


def _phones(values: list[str]) -> bool:
    digits = sum(sum(c.isdigit() for c in v) >= 6 and not any(c.isalpha() for c in v) for v in values)
    return digits > 0.8 * len(values)


def _is_amount(p: Profile) -> bool:
    """Whether numbers are amounts: not codes such as a region's number."""
    return p.number and not (p.whole and p.distinct <= MOST_CODES and p.distinct > 2 and found(p.name, CODE))
