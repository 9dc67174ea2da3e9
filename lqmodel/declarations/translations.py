"""Which words of a project are missing in which language."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from lqmodel.declarations.feature import DeclaredFeature
from lqmodel.languages import ENGLISH, NAMES, Language

_PLACED = "{value}"


def untranslated(declared: DeclaredFeature, language: str) -> tuple[str, ...]:
    """Return what a feature lacks in a language, so that a reader meets English or a wrong plural; else nothing.

    ``title`` and ``reason`` are declared words that are not there; a plural form, such as ``few``, is one that
    the language tells apart and the text, which counts things, leaves out.

    Parameters
    ----------
    declared : DeclaredFeature
    language : {"en", "de", "ro", "nb"}
    """
    english, own = declared.worded(ENGLISH.name), declared.worded(language)
    lacks = []
    if language != ENGLISH.name and declared.titled(language) is None:
        lacks.append("title")
    if own is None:
        return (*lacks, "reason") if english is not None else tuple(lacks)
    counts = _PLACED in own["other"] and ("one" in own or (english is not None and "one" in english))
    needed = Language.of(language).conventions.forms if counts else ()
    return (*lacks, *(form for form in needed if form not in own))


def translation_notices(declared: Iterable[DeclaredFeature], chosen: str) -> Iterator[str]:
    """Yield what to tell of incomplete languages: those that the project has begun, and the one that it chose.

    Parameters
    ----------
    declared : iterable of DeclaredFeature
        All features and facts of the project.
    chosen : str
        The language that the model declares.
    """
    features = list(declared)
    begun = {chosen, *(language for item in features for language in _languages(item))}
    for language in sorted(begun & set(NAMES)):
        missing = {item.name: lacks for item in features if (lacks := untranslated(item, language))}
        if missing:
            yield (
                f"words in {NAMES[language]} ({language}) are missing for {len(missing)} of {len(features)} "
                f"features, which then speak English or in a wrong plural: {_listed(missing)}"
            )
    for language in sorted(begun - set(NAMES)):
        yield f"words in {language!r} are never used: reasons are worded in {', '.join(sorted(NAMES))}"


def _languages(declared: DeclaredFeature) -> Iterator[str]:
    for language, _ in (*declared.feature.title, *declared.feature.reason):
        yield language


def _listed(missing: Mapping[str, tuple[str, ...]], most: int = 5) -> str:
    told = [f"{name} ({', '.join(lacks)})" for name, lacks in sorted(missing.items())[:most]]
    more = len(missing) - len(told)
    return "; ".join(told) + (f" and {more} more" if more else "")
