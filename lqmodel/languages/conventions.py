"""How a language writes numbers and counts things: from Babel (CLDR), read once a process.

English is written down here, so that it needs no Babel; a test holds it against Babel's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Final

LOCALES: Final = {"en": "en_GB", "de": "de", "ro": "ro", "nb": "nb"}
"""Language → CLDR locale."""


@dataclass(frozen=True)
class Conventions:
    """A language's signs and plural rule.

    Attributes
    ----------
    signs : dict of int to str, or None
        For `str.translate`: what stands for ``,`` between thousands, ``.`` before decimals, and ``-``; None where
        these stay.
    decimal : str
        What stands before decimals.
    percent : str
        With ``{}`` for the number.
    plural : callable
        Decimal as it is shown → one of CLDR's categories: zero, one, two, few, many, other.
    forms : tuple of str
        The categories that the language has, sorted.
    """

    signs: dict[int, str] | None
    decimal: str
    percent: str
    plural: Callable[[Decimal], str]
    forms: tuple[str, ...]


@cache
def conventions(language: str) -> Conventions:
    """Return the conventions of a language of `LOCALES`."""
    if language == "en":
        return Conventions(None, ".", "{}%", _english_plural, ("one", "other"))
    from babel import Locale

    locale = Locale.parse(LOCALES[language])
    symbols = locale.number_symbols["latn"]
    signs = {",": symbols["group"], ".": symbols["decimal"], "-": symbols["minusSign"]}
    pattern = locale.percent_formats[None].pattern.replace("%", symbols["percentSign"])
    rule = locale.plural_form
    return Conventions(
        signs=str.maketrans(signs),
        decimal=signs["."],
        percent=pattern.replace("#,##0", "{}"),
        plural=rule,
        forms=tuple(sorted({*rule.tags, "other"})),
    )


def _english_plural(n: Decimal) -> str:
    """Apply CLDR's rule for English: one is 1, written without decimals."""
    return "one" if n == 1 and n.as_tuple().exponent == 0 else "other"
