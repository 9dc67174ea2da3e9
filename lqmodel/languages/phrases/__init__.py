"""All that lqmodel words itself: for each key the four languages, side by side.

A phrase is a text, or its plural forms by CLDR's categories; {n} is the number that chooses the form. Tests hold
that every key has every language, with the same places and all its plural forms, and that each is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lqmodel.languages.phrases import changes, explanations, helps, pictures, values, web, webteam

Phrase = str | Mapping[str, str]
TOPICS: Final = (values, explanations, changes, helps, pictures, web, webteam)
PHRASES: Final[Mapping[str, Mapping[str, Phrase]]] = {
    key: texts for topic in TOPICS for key, texts in topic.PHRASES.items()
}
"""Key → language → phrase."""
