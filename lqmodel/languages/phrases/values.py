"""Values of features and what is made of them: numbers, windows, trends, nothing, never, unknown, usual."""

from typing import Final

PHRASES: Final = {
    # ── numbers ──────────────────────────────────────────────────────────────────────────────────────────────
    "almost_0": {"en": "almost 0", "de": "fast 0", "ro": "aproape 0", "nb": "nesten 0"},
    "percent.under": {"en": "under {percent}", "de": "unter {percent}", "ro": "sub {percent}", "nb": "under {percent}"},
    "percent.over": {"en": "over {percent}", "de": "über {percent}", "ro": "peste {percent}", "nb": "over {percent}"},
    "effect.or_more": {"en": "{effect} or more", "de": "{effect} oder mehr", "ro": "{effect} sau mai mult", "nb": "{effect} eller mer"},
    "effect.or_less": {"en": "{effect} or less", "de": "{effect} oder weniger", "ro": "{effect} sau mai puțin", "nb": "{effect} eller mindre"},
    "odds.about": {"en": "about {k} in {n}", "de": "etwa {k} von {n}", "ro": "circa {k} din {n}", "nb": "omtrent {k} av {n}"},
    "odds.fewer": {"en": "fewer than {k} in {n}", "de": "weniger als {k} von {n}", "ro": "mai puțin de {k} din {n}", "nb": "færre enn {k} av {n}"},
    "odds.more": {"en": "more than {k} in {n}", "de": "mehr als {k} von {n}", "ro": "mai mult de {k} din {n}", "nb": "flere enn {k} av {n}"},
    # ── lengths of time ──────────────────────────────────────────────────────────────────────────────────────
    "seconds": {
        "en": {"one": "{n} second", "other": "{n} seconds"},
        "de": {"one": "{n} Sekunde", "other": "{n} Sekunden"},
        "ro": {"one": "{n} secundă", "few": "{n} secunde", "other": "{n} de secunde"},
        "nb": {"one": "{n} sekund", "other": "{n} sekunder"},
    },
    "minutes": {
        "en": {"one": "{n} minute", "other": "{n} minutes"},
        "de": {"one": "{n} Minute", "other": "{n} Minuten"},
        "ro": {"one": "{n} minut", "few": "{n} minute", "other": "{n} de minute"},
        "nb": {"one": "{n} minutt", "other": "{n} minutter"},
    },
    "hours": {
        "en": {"one": "{n} hour", "other": "{n} hours"},
        "de": {"one": "{n} Stunde", "other": "{n} Stunden"},
        "ro": {"one": "{n} oră", "few": "{n} ore", "other": "{n} de ore"},
        "nb": {"one": "{n} time", "other": "{n} timer"},
    },
    "days": {
        "en": {"one": "{n} day", "other": "{n} days"},
        "de": {"one": "{n} Tag", "other": "{n} Tage"},
        "ro": {"one": "{n} zi", "few": "{n} zile", "other": "{n} de zile"},
        "nb": {"one": "{n} dag", "other": "{n} dager"},
    },
    "no_time": {"en": "no time", "de": "keine Zeit", "ro": "fără timp petrecut", "nb": "ingen tid"},
    # A window as it stands after: in the last …, in den letzten …, în ultimele …, de siste …
    "window.s": {
        "en": {"one": "second", "other": "{n} seconds"},
        "de": {"one": "{n} Sekunde", "other": "{n} Sekunden"},
        "ro": {"one": "{n} secundă", "few": "{n} secunde", "other": "{n} de secunde"},
        "nb": {"one": "{n} sekundet", "other": "{n} sekundene"},
    },
    "window.m": {
        "en": {"one": "minute", "other": "{n} minutes"},
        "de": {"one": "{n} Minute", "other": "{n} Minuten"},
        "ro": {"one": "{n} minut", "few": "{n} minute", "other": "{n} de minute"},
        "nb": {"one": "{n} minuttet", "other": "{n} minuttene"},
    },
    "window.h": {
        "en": {"one": "hour", "other": "{n} hours"},
        "de": {"one": "{n} Stunde", "other": "{n} Stunden"},
        "ro": {"one": "{n} oră", "few": "{n} ore", "other": "{n} de ore"},
        "nb": {"one": "{n} timen", "other": "{n} timene"},
    },
    "window.d": {
        "en": {"one": "day", "other": "{n} days"},
        "de": {"one": "{n} Tag", "other": "{n} Tagen"},
        "ro": {"one": "{n} zi", "few": "{n} zile", "other": "{n} de zile"},
        "nb": {"one": "{n} dagen", "other": "{n} dagene"},
    },
    "window.w": {
        "en": {"one": "week", "other": "{n} weeks"},
        "de": {"one": "{n} Woche", "other": "{n} Wochen"},
        "ro": {"one": "{n} săptămână", "few": "{n} săptămâni", "other": "{n} de săptămâni"},
        "nb": {"one": "{n} uken", "other": "{n} ukene"},
    },
    "window.ever": {"en": "whole time", "de": "gesamten Zeit", "ro": "întreaga perioadă", "nb": "hele tiden"},
    # ── trends ───────────────────────────────────────────────────────────────────────────────────────────────
    "change.none": {"en": "unchanged", "de": "unverändert", "ro": "fără schimbare", "nb": "uendret"},
    "change.slightly_up": {"en": "slightly up", "de": "leicht gestiegen", "ro": "în ușoară creștere", "nb": "litt opp"},
    "change.up": {"en": "up ×{times}", "de": "auf das {times}-Fache gestiegen", "ro": "în creștere de {times} ori", "nb": "opp ×{times}"},
    "change.slightly_down": {"en": "slightly down", "de": "leicht gesunken", "ro": "în ușoară scădere", "nb": "litt ned"},
    "change.to_3_4": {"en": "down to three quarters", "de": "auf drei Viertel gesunken", "ro": "în scădere la trei sferturi", "nb": "ned til tre firedeler"},
    "change.to_2_3": {"en": "down to two thirds", "de": "auf zwei Drittel gesunken", "ro": "în scădere la două treimi", "nb": "ned til to tredeler"},
    "change.to_1_2": {"en": "down to half", "de": "auf die Hälfte gesunken", "ro": "în scădere la jumătate", "nb": "ned til halvparten"},
    "change.to_1_3": {"en": "down to a third", "de": "auf ein Drittel gesunken", "ro": "în scădere la o treime", "nb": "ned til en tredel"},
    "change.to_1_4": {"en": "down to a quarter", "de": "auf ein Viertel gesunken", "ro": "în scădere la un sfert", "nb": "ned til en firedel"},
    "change.to_1_5": {"en": "down to a fifth", "de": "auf ein Fünftel gesunken", "ro": "în scădere la o cincime", "nb": "ned til en femdel"},
    "change.to_1_10": {"en": "down to a tenth", "de": "auf ein Zehntel gesunken", "ro": "în scădere la o zecime", "nb": "ned til en tidel"},
    "change.to_nothing": {"en": "down to almost nothing", "de": "auf fast nichts gesunken", "ro": "în scădere aproape la zero", "nb": "ned til nesten ingenting"},
    # ── nothing, today, never, unknown ───────────────────────────────────────────────────────────────────────
    "no": {"en": "no", "de": "keine", "ro": "fără", "nb": "ingen"},
    "not": {"en": "not {text}", "de": "nicht {text}", "ro": "nu {text}", "nb": "ikke {text}"},
    "so_far": {"en": "{text} so far", "de": "bisher {text}", "ro": "{text} până acum", "nb": "{text} hittil"},
    "today": {"en": "today", "de": "heute", "ro": "azi", "nb": "i dag"},
    "never": {"en": "{title}: never", "de": "{title}: nie", "ro": "{title}: niciodată", "nb": "{title}: aldri"},
    "never.new": {
        "en": "{text}, but a new lead",
        "de": "{text}, aber ein neuer Lead",
        "ro": "{text}, dar un lead nou",
        "nb": "{text}, men et nytt lead",
    },
    "unknown": {"en": "{title} unknown", "de": "{title} unbekannt", "ro": "{title}: fără date", "nb": "{title} ukjent"},
    "unknown.window": {
        "en": "{title} unknown for the last {window}",
        "de": "{title}: aus den letzten {window} unbekannt",
        "ro": "{title}: fără date pentru ultimele {window}",
        "nb": "{title}: ukjent for de siste {window}",
    },
    # ── features without a declared text; {value}, {window} and {change} are filled in as in declared ones ───
    "derived": {"en": "{title}: {value}", "de": "{title}: {value}", "ro": "{title}: {value}", "nb": "{title}: {value}"},
    "derived.window": {
        "en": "{title} in the last {window}: {value}",
        "de": "{title} in den letzten {window}: {value}",
        "ro": "{title} în ultimele {window}: {value}",
        "nb": "{title} de siste {window}: {value}",
    },
    "derived.none": {
        "en": "no {title} in the last {window}",
        "de": "{title} in den letzten {window}: nichts",
        "ro": "{title} în ultimele {window}: nimic",
        "nb": "{title} de siste {window}: ingen",
    },
    "derived.mean": {
        "en": "{title} in the last {window}: on average {value}",
        "de": "{title} in den letzten {window}: im Schnitt {value}",
        "ro": "{title} în ultimele {window}: în medie {value}",
        "nb": "{title} de siste {window}: i snitt {value}",
    },
    "derived.max": {
        "en": "{title} in the last {window}: at most {value}",
        "de": "{title} in den letzten {window}: höchstens {value}",
        "ro": "{title} în ultimele {window}: cel mult {value}",
        "nb": "{title} de siste {window}: høyst {value}",
    },
    "derived.active_days": {
        "en": {"one": "{title}: on {value} day in the last {window}", "other": "{title}: on {value} days in the last {window}"},
        "de": {"one": "{title}: an {value} Tag in den letzten {window}", "other": "{title}: an {value} Tagen in den letzten {window}"},
        "ro": {
            "one": "{title}: în {value} zi în ultimele {window}",
            "few": "{title}: în {value} zile în ultimele {window}",
            "other": "{title}: în {value} de zile în ultimele {window}",
        },
        "nb": {"one": "{title}: på {value} dag de siste {window}", "other": "{title}: på {value} dager de siste {window}"},
    },
    "derived.trend": {
        "en": "{title}: {change} on the {window} before",
        "de": "{title}: gegenüber den {window} davor {change}",
        "ro": "{title}: {change} față de cele {window} dinainte",
        "nb": "{title}: {change} sammenlignet med de {window} før",
    },
    "derived.since": {
        "en": {"one": "{title}: {value} day ago", "other": "{title}: {value} days ago"},
        "de": {"one": "{title}: vor {value} Tag", "other": "{title}: vor {value} Tagen"},
        "ro": {"one": "{title}: acum {value} zi", "few": "{title}: acum {value} zile", "other": "{title}: acum {value} de zile"},
        "nb": {"one": "{title}: for {value} dag siden", "other": "{title}: for {value} dager siden"},
    },
    "derived.since.today": {"en": "{title}: today", "de": "{title}: heute", "ro": "{title}: azi", "nb": "{title}: i dag"},
    "derived.decayed": {
        "en": "{title}, recent ones counting most: {value}",
        "de": "{title}, die jüngsten zählen am meisten: {value}",
        "ro": "{title}, cele recente contând cel mai mult: {value}",
        "nb": "{title}, de nyeste teller mest: {value}",
    },
    "derived.decayed.none": {
        "en": "no recent {title}",
        "de": "{title} in letzter Zeit: nichts",
        "ro": "{title} în ultima vreme: nimic",
        "nb": "{title} i det siste: ingen",
    },
    # ── what a column measures ───────────────────────────────────────────────────────────────────────────────
    "named.window": {
        "en": "{title} in the last {window}",
        "de": "{title} in den letzten {window}",
        "ro": "{title} în ultimele {window}",
        "nb": "{title} de siste {window}",
    },
    "named.trend": {
        "en": "{title} against the {window} before",
        "de": "{title} gegenüber den {window} davor",
        "ro": "{title} față de cele {window} dinainte",
        "nb": "{title} sammenlignet med de {window} før",
    },
    # ── what is usual ────────────────────────────────────────────────────────────────────────────────────────
    "usual": {"en": "usually {value}", "de": "meist {value}", "ro": "de obicei {value}", "nb": "vanligvis {value}"},
    "usual.or": {
        "en": "usually {low} or {high}",
        "de": "meist {low} oder {high}",
        "ro": "de obicei {low} sau {high}",
        "nb": "vanligvis {low} eller {high}",
    },
    "usual.to": {
        "en": "usually {low} to {high}",
        "de": "meist {low} bis {high}",
        "ro": "de obicei între {low} și {high}",
        "nb": "vanligvis {low} til {high}",
    },
    "usual.ago": {
        "en": {"one": "usually {n} day ago", "other": "usually {n} days ago"},
        "de": {"one": "meist vor {n} Tag", "other": "meist vor {n} Tagen"},
        "ro": {"one": "de obicei acum {n} zi", "few": "de obicei acum {n} zile", "other": "de obicei acum {n} de zile"},
        "nb": {"one": "vanligvis for {n} dag siden", "other": "vanligvis for {n} dager siden"},
    },
    "usual.ago.or": {
        "en": {"one": "usually {low} or {high} day ago", "other": "usually {low} or {high} days ago"},
        "de": {"one": "meist vor {low} oder {high} Tag", "other": "meist vor {low} oder {high} Tagen"},
        "ro": {
            "one": "de obicei acum {low} sau {high} zi",
            "few": "de obicei acum {low} sau {high} zile",
            "other": "de obicei acum {low} sau {high} de zile",
        },
        "nb": {"one": "vanligvis for {low} eller {high} dag siden", "other": "vanligvis for {low} eller {high} dager siden"},
    },
    "usual.ago.to": {
        "en": {"one": "usually {low} to {high} day ago", "other": "usually {low} to {high} days ago"},
        "de": {"one": "meist vor {low} bis {high} Tag", "other": "meist vor {low} bis {high} Tagen"},
        "ro": {
            "one": "de obicei acum {low} până la {high} zi",
            "few": "de obicei acum {low} până la {high} zile",
            "other": "de obicei acum {low} până la {high} de zile",
        },
        "nb": {"one": "vanligvis for {low} til {high} dag siden", "other": "vanligvis for {low} til {high} dager siden"},
    },
    "rare": {"en": "rare", "de": "selten", "ro": "rar", "nb": "sjelden"},
    "rare.share": {
        "en": "rare: {percent} of leads",
        "de": "selten: {percent} der Leads",
        "ro": "rar: {percent} dintre leaduri",
        "nb": "sjelden: {percent} av leadene",
    },
}  # fmt: skip
