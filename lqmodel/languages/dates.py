"""Days as a language writes them, by Babel (CLDR); English needs no Babel."""

from __future__ import annotations

from datetime import date
from typing import Final, Literal, get_args

from lqmodel.languages.conventions import LOCALES

Form = Literal["long", "short", "day"]
FORMS: Final = get_args(Form)
"""How a day may be written: 21 November 2026, 21 Nov 2026, 21 Nov."""
_SKELETONS: Final = {"short": "yMMMd", "day": "MMMd"}
_MONTHS: Final = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_SHORT: Final = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sept", "Oct", "Nov", "Dec"]


def day_words(day: date, form: Form, language: str) -> str:
    """Return a day in words.

    >>> from datetime import date
    >>> [day_words(date(2026, 11, 14), "day", name) for name in ("en", "de", "ro", "nb")]
    ['14 Nov', '14. Nov.', '14 nov.', '14. nov.']
    """
    if language == "en":
        month = (_MONTHS if form == "long" else _SHORT)[day.month - 1]
        return f"{day.day} {month}" if form == "day" else f"{day.day} {month} {day.year}"
    from babel.dates import format_date, format_skeleton

    locale = LOCALES[language]
    return (
        format_date(day, "long", locale)
        if form == "long"
        else format_skeleton(_SKELETONS[form], day, locale=locale)
    )
