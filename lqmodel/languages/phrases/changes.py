"""What changed since the run before."""

from typing import Final

PHRASES: Final = {
    "since.from_to": {
        "en": "since {day}: from {then} to {now} ({effect} on the odds)",
        "de": "seit {day}: von {then} auf {now} ({effect} auf die Chancen)",
        "ro": "din {day}: de la {then} la {now} ({effect} asupra șanselor)",
        "nb": "siden {day}: fra {then} til {now} ({effect} på oddsen)",
    },
    "since.still": {
        "en": "since {day}: still {percent}",
        "de": "seit {day}: weiterhin {percent}",
        "ro": "din {day}: tot {percent}",
        "nb": "siden {day}: fortsatt {percent}",
    },
    "since.list": {"en": "since {day}: {moves}", "de": "seit {day}: {moves}", "ro": "din {day}: {moves}", "nb": "siden {day}: {moves}"},
    "since.nothing": {
        "en": "nothing that matters changed",
        "de": "nichts Wesentliches hat sich geändert",
        "ro": "nu s-a schimbat nimic important",
        "nb": "ingenting av betydning er endret",
    },
    "since.up": {"en": "up", "de": "hinauf", "ro": "în sus", "nb": "opp"},
    "since.down": {"en": "down", "de": "hinab", "ro": "în jos", "nb": "ned"},
    "since.model": {"en": "model", "de": "Modell", "ro": "model", "nb": "modell"},
    "since.recalibrated": {
        "en": "recalibrated: the values of {day} now give {now}, not {then}",
        "de": "neu kalibriert: die Werte vom {day} ergeben jetzt {now}, nicht {then}",
        "ro": "recalibrat: valorile din {day} dau acum {now}, nu {then}",
        "nb": "kalibrert på nytt: verdiene fra {day} gir nå {now}, ikke {then}",
    },
    "since.trained_anew": {
        "en": "trained anew: the values of {day} now give {now}, not {then}",
        "de": "neu trainiert: die Werte vom {day} ergeben jetzt {now}, nicht {then}",
        "ro": "antrenat din nou: valorile din {day} dau acum {now}, nu {then}",
        "nb": "trent på nytt: verdiene fra {day} gir nå {now}, ikke {then}",
    },
    "since.passed": {
        "en": "of this, time passing alone {effect}",
        "de": "davon allein durch Zeitablauf {effect}",
        "ro": "din care doar prin trecerea timpului {effect}",
        "nb": "av dette bare fordi tiden går {effect}",
    },
    "since.all_passed": {
        "en": "all of this is time passing alone",
        "de": "all dies allein durch Zeitablauf",
        "ro": "toate acestea doar prin trecerea timpului",
        "nb": "alt dette bare fordi tiden går",
    },
    # ── what cannot be compared ──────────────────────────────────────────────────────────────────────────────
    "since.new": {"en": "new since {day}", "de": "neu seit {day}", "ro": "nou din {day}", "nb": "ny siden {day}"},
    "since.not_scored": {
        "en": "not scored on {day}: nothing to compare with",
        "de": "am {day} nicht bewertet: nichts zum Vergleichen",
        "ro": "fără scor pe {day}: nimic de comparat",
        "nb": "ikke vurdert {day}: ingenting å sammenligne med",
    },
    "since.came_back": {
        "en": "came back since {day} and began anew: nothing to compare with",
        "de": "seit {day} zurückgekehrt und neu begonnen: nichts zum Vergleichen",
        "ro": "revenit din {day} și început din nou: nimic de comparat",
        "nb": "kom tilbake siden {day} og begynte på nytt: ingenting å sammenligne med",
    },
    "since.by_points": {
        "en": "scored by points on {day}: no probability to compare with",
        "de": "am {day} nach Punkten bewertet: keine Wahrscheinlichkeit zum Vergleichen",
        "ro": "evaluat prin puncte pe {day}: nicio probabilitate de comparat",
        "nb": "vurdert med poeng {day}: ingen sannsynlighet å sammenligne med",
    },
    "since.other_features": {
        "en": "the model reads otherwise than on {day}: {features}; so the change cannot be laid to what the lead did",
        "de": "das Modell liest anders als am {day}: {features}; die Änderung lässt sich also nicht dem Lead zuschreiben",
        "ro": "modelul citește altfel decât pe {day}: {features}; deci schimbarea nu poate fi pusă pe seama leadului",
        "nb": "modellen leser annerledes enn {day}: {features}; endringen kan derfor ikke tilskrives leadet",
    },
    "since.unread": {
        "en": "what changed since the run before cannot be said: {why}",
        "de": "was sich seit dem Lauf davor geändert hat, lässt sich nicht sagen: {why}",
        "ro": "nu se poate spune ce s-a schimbat de la rularea precedentă: {why}",
        "nb": "hva som er endret siden forrige kjøring, kan ikke sies: {why}",
    },
    # ── one value, now and before ────────────────────────────────────────────────────────────────────────────
    "moved.before": {"en": "before: {before}", "de": "vorher: {before}", "ro": "înainte: {before}", "nb": "før: {before}"},
    "moved.without": {
        "en": {"one": "{text} for {n} day", "other": "{text} for {n} days"},
        "de": {"one": "seit {n} Tag {text}", "other": "seit {n} Tagen {text}"},
        "ro": {"one": "{text} de {n} zi", "few": "{text} de {n} zile", "other": "{text} de {n} de zile"},
        "nb": {"one": "{text} på {n} dag", "other": "{text} på {n} dager"},
    },
    "moved.ago": {
        "en": {"one": "{n} day ago", "other": "{n} days ago"},
        "de": {"one": "vor {n} Tag", "other": "vor {n} Tagen"},
        "ro": {"one": "acum {n} zi", "few": "acum {n} zile", "other": "acum {n} de zile"},
        "nb": {"one": "for {n} dag siden", "other": "for {n} dager siden"},
    },
    "moved.passed": {"en": "as time passes", "de": "mit der Zeit", "ro": "odată cu trecerea timpului", "nb": "etter hvert som tiden går"},
    "moved.none": {"en": "none", "de": "keine", "ro": "deloc", "nb": "ingen"},
    "moved.never": {"en": "never", "de": "nie", "ro": "niciodată", "nb": "aldri"},
    "moved.unknown": {"en": "unknown", "de": "unbekannt", "ro": "fără date", "nb": "ukjent"},
}  # fmt: skip
