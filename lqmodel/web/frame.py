"""What every page has: who reads it, in which language, and the token of its forms."""

from __future__ import annotations

from dataclasses import dataclass, field

from lqmodel.languages import ENGLISH, Language
from lqmodel.languages.language import NAMES


@dataclass(frozen=True)
class Frame:
    """Context of base.html.

    Attributes
    ----------
    language : Language
    name, role : str
        Of who reads; empty before they signed in.
    csrf : str
        What each form sends back.
    notice : str
        What was done just now, or why it was not.
    here : str
        Which page of the menu this is, or belongs to.
    oversees, admin : bool
        Whether the pages of all leads, and of people, are theirs.
    languages : dict
        What can be chosen.
    """

    language: Language = ENGLISH
    name: str = ""
    role: str = ""
    csrf: str = ""
    notice: str = ""
    here: str = ""
    oversees: bool = False
    admin: bool = False
    languages: dict[str, str] = field(default_factory=lambda: dict(NAMES))


@dataclass(frozen=True)
class Failure:
    """Context of failure.html: why there is no page, as the key of a phrase."""

    frame: Frame
    why: str
