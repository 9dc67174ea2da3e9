"""Words for people in several languages: reasons with their plural forms, and titles."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator

from lqmodel.declarations.base import Misfit, short, suggestion
from lqmodel.errors import nearest

PLACES = ("value", "window", "change")
PLURALS = ("zero", "one", "two", "few", "many", "other")


def _texts(value: Any) -> Any:
    """Freeze {language: {plural: text}}; a text alone is its form "other"."""
    if isinstance(value, tuple) and all(isinstance(pair, tuple) for pair in value):
        return value
    if not isinstance(value, Mapping):
        raise Misfit(f"must be a table of languages, got {short(value)}", do="write reason.en = '…'")
    return tuple((language, _forms(language, forms)) for language, forms in sorted(value.items()))


def _forms(language: str, forms: Any) -> tuple[tuple[str, str], ...]:
    """Check the plural names, and that "other", which every language has, is there."""
    if isinstance(forms, str):
        _check_places(language, "other", forms)
        return (("other", forms),)
    if not isinstance(forms, Mapping):
        raise Misfit(
            f"must be a text or a table of plural forms, got {short(forms)}",
            at=(language,),
            exists=PLURALS,
            do=f"write {language} = '…'",
        )
    for form, text in forms.items():
        if form not in PLURALS:
            raise Misfit(
                f"unknown plural form {form!r}",
                at=(language, form),
                exists=PLURALS,
                do=suggestion(form, PLURALS) or "write one of these",
            )
        if not isinstance(text, str):
            raise Misfit(f"must be a text, got {short(text)}", at=(language, form), do=f"write {form} = '…'")
        _check_places(language, form, text)
    if "other" not in forms:
        raise Misfit("needs at least the form 'other'", at=(language,), do="add other = '…'")
    return tuple(sorted(forms.items()))


def _check_places(language: str, form: str, text: str) -> None:
    """Refuse a text with a place that nothing would fill."""
    for place in re.findall(r"\{(\w*)\}", text):
        if place not in PLACES:
            raise Misfit(
                f"nothing fills the place {{{place}}} in {short(text)}",
                at=(language, form),
                exists=[f"{{{known}}}" for known in PLACES],
                do=f"write {{{near}}}"
                if (near := nearest(place, PLACES))
                else "write one of these, or take it out",
            )


def _titles(value: Any) -> Any:
    """Freeze {language: title}; a title alone is English."""
    if isinstance(value, tuple) and all(isinstance(pair, tuple) for pair in value):
        return value
    if isinstance(value, str):
        return (("en", value),)
    if not isinstance(value, Mapping):
        raise Misfit(f"must be a text or a table of languages, got {short(value)}", do="write title = '…'")
    for language, title in value.items():
        if not isinstance(title, str):
            raise Misfit(f"must be a text, got {short(title)}", at=(language,), do=f"write {language} = '…'")
    return tuple(sorted(value.items()))


Titles = Annotated[tuple[tuple[str, str], ...], BeforeValidator(_titles)]
Texts = Annotated[tuple[tuple[str, tuple[tuple[str, str], ...]], ...], BeforeValidator(_texts)]
