"""Invented names of people and companies, put together from syllables."""

from __future__ import annotations

from typing import Final

import numpy as np

# fmt: off
FIRST_NAMES: Final = (
    "Alvi", "Berna", "Corin", "Dalka", "Edmo", "Farun", "Gelise", "Hador", "Ilvan", "Jorune",
    "Kesta", "Lomir", "Marvi", "Nelka", "Orvin", "Pelia", "Quendo", "Ravina", "Sorel", "Talvi",
    "Umera", "Velko", "Wanis", "Xandre", "Yorik", "Zelia",
)

_HEADS: Final = (
    "Bran", "Dorn", "Eld", "Falk", "Grun", "Halv", "Ister", "Korv", "Lind", "Morv", "Nord", "Ost",
    "Pell", "Rask", "Sten", "Tarv",
)
_TAILS: Final = (
    "acher", "ansk", "berg", "dahl", "emann", "escu", "feld", "gard", "holt", "ic", "land", "mark",
    "oy", "sen", "stad", "wick",
)
LAST_NAMES: Final = tuple(head + tail for head in _HEADS for tail in _TAILS)

_ONSETS: Final = (
    "Ald", "Bex", "Cor", "Dav", "Elm", "Fen", "Gal", "Hex", "Ilm", "Jun", "Kel", "Lum", "Mer",
    "Nov", "Orb", "Pyr", "Qua", "Rho", "Syl", "Tev",
)
_MIDDLES: Final = ("a", "e", "i", "o", "u", "ari", "eno", "ila", "oma", "ura")
_CODAS: Final = (
    "bane", "cor", "dax", "fex", "gon", "lith", "mund", "nix", "pharn", "quist", "ron", "stal",
    "tek", "vant", "wyn", "xis", "zor",
)
_TRADES: Final = (
    "Group", "Works", "Systems", "Partners", "Industries", "Supply", "Labs", "Services", "Holding",
    "Trade",
)
# fmt: on
_COMBINATIONS: Final = len(_ONSETS) * len(_MIDDLES) * len(_CODAS) * len(_TRADES)
_STRIDE: Final = 15_013  # coprime to the combinations: neighbours differ, none repeats before all are used


def company_name(number: int) -> str:
    """Return the name of the company with this number; no two numbers share one.

    >>> company_name(0), company_name(1)
    ('Aldabane Group', 'Ilmomalith Partners')
    """
    rounds, place = divmod(number, _COMBINATIONS)
    place = place * _STRIDE % _COMBINATIONS
    place, trade = divmod(place, len(_TRADES))
    place, coda = divmod(place, len(_CODAS))
    onset, middle = divmod(place, len(_MIDDLES))
    name = f"{_ONSETS[onset]}{_MIDDLES[middle]}{_CODAS[coda]} {_TRADES[trade]}"
    return name if rounds == 0 else f"{name} {rounds + 1}"


def draw_people(rng: np.random.Generator, count: int) -> list[str]:
    """Draw ``count`` names of people; two people may share one."""
    first = rng.integers(len(FIRST_NAMES), size=count)
    last = rng.integers(len(LAST_NAMES), size=count)
    return [f"{FIRST_NAMES[a]} {LAST_NAMES[b]}" for a, b in zip(first, last, strict=True)]
