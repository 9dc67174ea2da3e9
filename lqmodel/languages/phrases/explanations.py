"""Why one lead has its probability or its points: what stands around the reasons."""

from typing import Final

PHRASES: Final = {
    "for": {"en": "for", "de": "dafür", "ro": "pentru", "nb": "for"},
    "against": {"en": "against", "de": "dagegen", "ro": "împotrivă", "nb": "mot"},
    "all_else": {"en": "all else", "de": "alles Übrige", "ro": "restul", "nb": "alt annet"},
    "because": {"en": "because", "de": "Anlass", "ro": "motiv", "nb": "årsak"},
    "given.due": {
        "en": "to be answered by {moment}",
        "de": "zu beantworten bis {moment}",
        "ro": "răspuns până la {moment}",
        "nb": "besvares innen {moment}",
    },
    "given.joins": {
        "en": "joins the handoff of {lead}, of the same account",
        "de": "gehört zur Übergabe von {lead}, aus demselben Unternehmen",
        "ro": "ține de predarea lui {lead}, de la aceeași companie",
        "nb": "hører til overleveringen av {lead}, fra samme firma",
    },
    "likely": {
        "en": "{percent}, likely {low} to {high}",
        "de": "{percent}, wahrscheinlich {low} bis {high}",
        "ro": "{percent}, probabil între {low} și {high}",
        "nb": "{percent}, trolig {low} til {high}",
    },
    "standing": {
        "en": "{stage}, score {score}; starting from {odds}",
        "de": "{stage}, Score {score}; ausgehend von {odds}",
        "ro": "{stage}, scor {score}; pornind de la {odds}",
        "nb": "{stage}, score {score}; med utgangspunkt i {odds}",
    },
    "subtotals": {
        "en": "who they are {fit}, what they do {engagement} on the odds",
        "de": "wer sie sind {fit}, was sie tun {engagement} auf die Chancen",
        "ro": "cine sunt {fit}, ce fac {engagement} asupra șanselor",
        "nb": "hvem de er {fit}, hva de gjør {engagement} på oddsen",
    },
    # ── by points ────────────────────────────────────────────────────────────────────────────────────────────
    "points": {
        "en": {"one": "{n} point", "other": "{n} points"},
        "de": {"one": "{n} Punkt", "other": "{n} Punkte"},
        "ro": {"one": "{n} punct", "few": "{n} puncte", "other": "{n} de puncte"},
        "nb": {"one": "{n} poeng", "other": "{n} poeng"},
    },
    "points.no_probability": {
        "en": "no probability yet",
        "de": "noch keine Wahrscheinlichkeit",
        "ro": "încă fără probabilitate",
        "nb": "ennå ingen sannsynlighet",
    },
    "points.notice": {
        "en": "no probability yet: points declared by you",
        "de": "noch keine Wahrscheinlichkeit: Punkte, die Sie festgelegt haben",
        "ro": "încă fără probabilitate: puncte declarate de dumneavoastră",
        "nb": "ennå ingen sannsynlighet: poeng som dere har fastsatt",
    },
    "points.standing": {
        "en": "{stage}, score {score}",
        "de": "{stage}, Score {score}",
        "ro": "{stage}, scor {score}",
        "nb": "{stage}, score {score}",
    },
    "points.nothing": {
        "en": "nothing in the table holds",
        "de": "nichts in der Tabelle trifft zu",
        "ro": "nimic din tabel nu se potrivește",
        "nb": "ingenting i tabellen stemmer",
    },
    "no_handoffs": {
        "en": "this run hands no lead over",
        "de": "dieser Lauf übergibt keinen Lead",
        "ro": "această rulare nu predă niciun lead",
        "nb": "denne kjøringen overleverer ingen leads",
    },
}  # fmt: skip
