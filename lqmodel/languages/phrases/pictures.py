"""Pictures: legends, and what is told of pictures to those who do not see them."""

from typing import Final

PHRASES: Final = {
    "picture.fit": {"en": "who they are", "de": "wer sie sind", "ro": "cine sunt", "nb": "hvem de er"},
    "picture.engagement": {"en": "what they do", "de": "was sie tun", "ro": "ce fac", "nb": "hva de gjør"},
    "picture.actionable": {
        "en": "marketing or sales can change this",
        "de": "Marketing oder Vertrieb kann das ändern",
        "ro": "marketingul sau vânzările pot schimba acest lucru",
        "nb": "markedsføring eller salg kan endre dette",
    },
    "picture.scale": {
        "en": "×{factor} on the odds",
        "de": "×{factor} auf die Chancen",
        "ro": "×{factor} asupra șanselor",
        "nb": "×{factor} på oddsen",
    },
    # ── the beeswarm ─────────────────────────────────────────────────────────────────────────────────────────
    "swarm": {
        "en": {"one": "how far families move the odds: {n} lead", "other": "how far families move the odds: {n} leads"},
        "de": {"one": "wie weit Merkmale die Chancen bewegen: {n} Lead", "other": "wie weit Merkmale die Chancen bewegen: {n} Leads"},
        "ro": {
            "one": "cât mută caracteristicile șansele: {n} lead",
            "few": "cât mută caracteristicile șansele: {n} leaduri",
            "other": "cât mută caracteristicile șansele: {n} de leaduri",
        },
        "nb": {"one": "hvor langt egenskapene flytter oddsen: {n} lead", "other": "hvor langt egenskapene flytter oddsen: {n} leads"},
    },
    "swarm.low": {"en": "low value", "de": "niedriger Wert", "ro": "valoare mică", "nb": "lav verdi"},
    "swarm.middle": {"en": "middle", "de": "mittlerer", "ro": "medie", "nb": "middels"},
    "swarm.high": {"en": "high value", "de": "hoher Wert", "ro": "valoare mare", "nb": "høy verdi"},
    "swarm.other": {
        "en": "unknown, or without an order",
        "de": "unbekannt oder ohne Rangfolge",
        "ro": "necunoscută sau fără ordine",
        "nb": "ukjent, eller uten rekkefølge",
    },
    "swarm.reach": {
        "en": "{title}: {low} to {high} for nine in ten",
        "de": "{title}: {low} bis {high} bei neun von zehn",
        "ro": "{title}: între {low} și {high} la nouă din zece",
        "nb": "{title}: {low} til {high} for ni av ti",
    },
    "swarm.mean_low": {
        "en": "low values {effect} on average",
        "de": "niedrige Werte im Mittel {effect}",
        "ro": "valorile mici {effect} în medie",
        "nb": "lave verdier {effect} i snitt",
    },
    "swarm.mean_high": {
        "en": "high values {effect} on average",
        "de": "hohe Werte im Mittel {effect}",
        "ro": "valorile mari {effect} în medie",
        "nb": "høye verdier {effect} i snitt",
    },
}  # fmt: skip
