"""What would help: what the model would make of further events, and whom to nurture.

Never "will": it is what the model would say of a lead, not what follows from an act. Steps stand as declared, in the
nominative, so they are listed after a colon and joined by a plus.
"""

from typing import Final

PHRASES: Final = {
    "help": {"en": "would help", "de": "würde helfen", "ro": "ar ajuta", "nb": "ville hjelpe"},
    "help.reaches": {
        "en": "the model would make it {stage} after:",
        "de": "das Modell würde den Lead als {stage} einstufen nach:",
        "ro": "modelul ar trece leadul la {stage} după:",
        "nb": "modellen ville regnet leadet som {stage} etter:",
    },
    "help.or": {"en": "or {way}", "de": "oder {way}", "ro": "sau {way}", "nb": "eller {way}"},
    "help.others": {
        "en": {"one": "{n} other way", "other": "{n} other ways"},
        "de": {"one": "{n} anderer Weg", "other": "{n} andere Wege"},
        "ro": {"one": "încă {n} cale", "few": "încă {n} căi", "other": "încă {n} de căi"},
        "nb": {"one": "{n} annen måte", "other": "{n} andre måter"},
    },
    "help.reached": {
        "en": "no step is needed: the model would make it {stage} when it is next scored",
        "de": "kein Schritt ist nötig: das Modell würde den Lead bei der nächsten Bewertung als {stage} einstufen",
        "ro": "nu este nevoie de niciun pas: modelul ar trece leadul la {stage} la următoarea evaluare",
        "nb": "ingen tiltak trengs: modellen ville regnet leadet som {stage} ved neste scoring",
    },
    "help.none": {
        "en": {"one": "no nurturing step reaches {stage}", "other": "no nurturing step reaches {stage}, not even {n} at once"},
        "de": {
            "one": "kein Nurturing-Schritt erreicht {stage}",
            "other": "kein Nurturing-Schritt erreicht {stage}, auch nicht {n} auf einmal",
        },
        "ro": {
            "one": "niciun pas de nurturing nu ajunge la {stage}",
            "few": "niciun pas de nurturing nu ajunge la {stage}, nici măcar {n} deodată",
            "other": "niciun pas de nurturing nu ajunge la {stage}, nici măcar {n} deodată",
        },
        "nb": {
            "one": "ingen nurturing-tiltak når {stage}",
            "other": "ingen nurturing-tiltak når {stage}, ikke engang {n} på én gang",
        },
    },
    "help.agreed": {
        "en": "the model has no step to try: what makes it {stage} was agreed",
        "de": "das Modell hat keinen Schritt zu erproben: was zu {stage} führt, wurde vereinbart",
        "ro": "modelul nu are niciun pas de încercat: ce duce la {stage} a fost convenit",
        "nb": "modellen har ingen tiltak å prøve: hva som gir {stage}, er avtalt",
    },
    "help.weighs": {
        "en": "what weighs most is {title} ({effect})",
        "de": "am schwersten wiegt „{title}“ ({effect})",
        "ro": "cel mai mult cântărește „{title}” ({effect})",
        "nb": "tyngst veier {title} ({effect})",
    },
    "help.blocked": {
        "en": "no step reaches {stage} as long as this holds: {facts}",
        "de": "kein Schritt erreicht {stage}, solange dies gilt: {facts}",
        "ro": "niciun pas nu ajunge la {stage} cât timp este valabil: {facts}",
        "nb": "ingen tiltak når {stage} så lenge dette gjelder: {facts}",
    },
    "help.suppressed": {
        "en": "kept from sales by a person",
        "de": "von einer Person für den Vertrieb gesperrt",
        "ro": "ținut departe de vânzări de o persoană",
        "nb": "holdt unna salg av en person",
    },
    "help.highest": {
        "en": "the model has no stage after {stage}: sales decides from here",
        "de": "nach {stage} kennt das Modell keine Stufe mehr: ab hier entscheidet der Vertrieb",
        "ro": "modelul nu are nicio etapă după {stage}: de aici decid vânzările",
        "nb": "modellen har ikke noe trinn etter {stage}: herfra avgjør salg",
    },
    "help.kept": {
        "en": "it stays there at any probability because of this: {facts}",
        "de": "der Lead bleibt dort bei jeder Wahrscheinlichkeit, und zwar deswegen: {facts}",
        "ro": "rămâne acolo la orice probabilitate din acest motiv: {facts}",
        "nb": "det blir der ved enhver sannsynlighet på grunn av dette: {facts}",
    },
    "help.asleep_until": {
        "en": "sales sent it back: it sleeps until {date}",
        "de": "der Vertrieb hat ihn zurückgegeben: er ruht bis {date}",
        "ro": "vânzările l-au trimis înapoi: așteaptă până la {date}",
        "nb": "salg har sendt det tilbake: det hviler til {date}",
    },
    "help.asleep": {
        "en": "sales sent it back: it sleeps without a date",
        "de": "der Vertrieb hat ihn zurückgegeben: er ruht ohne Datum",
        "ro": "vânzările l-au trimis înapoi: așteaptă fără o dată stabilită",
        "nb": "salg har sendt det tilbake: det hviler uten dato",
    },
    "help.people": {
        "en": "people decide what follows {stage}, the model does not",
        "de": "was auf {stage} folgt, entscheiden Menschen, nicht das Modell",
        "ro": "ce urmează după {stage} decid oamenii, nu modelul",
        "nb": "hva som følger etter {stage}, avgjør mennesker, ikke modellen",
    },
    "help.once": {
        "en": "the model looks at a lead once, early on: what happens after that does not move it",
        "de": "das Modell sieht jeden Lead nur einmal an, zu Beginn: was danach geschieht, bewegt ihn nicht",
        "ro": "modelul privește fiecare lead o singură dată, la început: ce se întâmplă după aceea nu îl mai mută",
        "nb": "modellen ser på et lead bare én gang, tidlig: det som skjer etterpå, flytter det ikke",
    },
    "help.undated": {
        "en": "nothing dated to add: what marketing can change ({titles}) is not counted over events with a time",
        "de": "nichts Datiertes hinzuzufügen: was Marketing ändern kann ({titles}), zählt keine Ereignisse mit Zeitpunkt",
        "ro": "nimic datat de adăugat: ce poate schimba marketingul ({titles}) nu se numără pe evenimente cu dată",
        "nb": "ingenting datert å legge til: det markedsføring kan endre ({titles}), telles ikke over hendelser med tidspunkt",
    },
    "help.unseen": {
        "en": "nothing to add: training saw no event that marketing can bring about ({titles})",
        "de": "nichts hinzuzufügen: das Training sah kein Ereignis, das Marketing herbeiführen kann ({titles})",
        "ro": "nimic de adăugat: antrenarea nu a văzut niciun eveniment pe care marketingul îl poate produce ({titles})",
        "nb": "ingenting å legge til: treningen så ingen hendelse som markedsføring kan få til ({titles})",
    },
    "help.not_actionable": {
        "en": "nothing to add: no feature is declared actionable",
        "de": "nichts hinzuzufügen: kein Merkmal ist als beeinflussbar deklariert",
        "ro": "nimic de adăugat: nicio caracteristică nu este declarată ca influențabilă",
        "nb": "ingenting å legge til: ingen egenskap er deklarert som påvirkbar",
    },
    "help.changed": {
        "en": "not known: the sources hold other facts of this lead than its score rests on; score again",
        "de": "nicht bekannt: die Quellen enthalten andere Fakten zu diesem Lead, als seine Bewertung hatte; neu bewerten",
        "ro": "nu se știe: sursele conțin alte fapte despre acest lead decât cele pe care se bazează scorul; evaluați din nou",
        "nb": "ikke kjent: kildene har andre fakta om dette leadet enn scoren bygger på; score på nytt",
    },
    "help.counts_for": {
        "en": {"one": "{n} event that counts for {title}", "other": "{n} events that count for {title}"},
        "de": {"one": "{n} Ereignis, das für {title} zählt", "other": "{n} Ereignisse, die für {title} zählen"},
        "ro": {
            "one": "{n} eveniment care contează pentru {title}",
            "few": "{n} evenimente care contează pentru {title}",
            "other": "{n} de evenimente care contează pentru {title}",
        },
        "nb": {"one": "{n} hendelse som teller for {title}", "other": "{n} hendelser som teller for {title}"},
    },
    # ── whom to nurture ──────────────────────────────────────────────────────────────────────────────────────
    "nurture": {
        "en": {"one": "{stage} → {aim}: {n} lead", "other": "{stage} → {aim}: {n} leads"},
        "de": {"one": "{stage} → {aim}: {n} Lead", "other": "{stage} → {aim}: {n} Leads"},
        "ro": {"one": "{stage} → {aim}: {n} lead", "few": "{stage} → {aim}: {n} leaduri", "other": "{stage} → {aim}: {n} de leaduri"},
        "nb": {"one": "{stage} → {aim}: {n} lead", "other": "{stage} → {aim}: {n} leads"},
    },
    "nurture.blocked": {
        "en": {"one": "{n} blocked", "other": "{n} blocked"},
        "de": {"one": "{n} gesperrt", "other": "{n} gesperrt"},
        "ro": {"one": "{n} blocat", "few": "{n} blocate", "other": "{n} blocate"},
        "nb": {"one": "{n} sperret", "other": "{n} sperret"},
    },
    "nurture.nearest": {
        "en": {"one": "the nearest: {needs}", "other": "the {n} nearest: {needs}"},
        "de": {"one": "der nächste: {needs}", "other": "die {n} nächsten: {needs}"},
        "ro": {"one": "cel mai apropiat: {needs}", "few": "cele mai apropiate {n}: {needs}", "other": "cele mai apropiate {n}: {needs}"},
        "nb": {"one": "det nærmeste: {needs}", "other": "de {n} nærmeste: {needs}"},
    },
    "nurture.with": {
        "en": {"one": "{leads} by {n} step", "other": "{leads} by {n} steps"},
        "de": {"one": "{leads} mit {n} Schritt", "other": "{leads} mit {n} Schritten"},
        "ro": {"one": "{leads} cu {n} pas", "few": "{leads} cu {n} pași", "other": "{leads} cu {n} de pași"},
        "nb": {"one": "{leads} med {n} tiltak", "other": "{leads} med {n} tiltak"},
    },
    "nurture.without": {
        "en": "{leads} without any step",
        "de": "{leads} ohne Schritt",
        "ro": "{leads} fără niciun pas",
        "nb": "{leads} uten tiltak",
    },
    "nurture.not": {
        "en": "{leads} by none that was tried",
        "de": "{leads} mit keinem der erprobten Schritte",
        "ro": "{leads} cu niciunul dintre pașii încercați",
        "nb": "{leads} med ingen av tiltakene som ble prøvd",
    },
    "nurture.more": {
        "en": {"one": "and {n} more: JSON has all", "other": "and {n} more: JSON has all"},
        "de": {"one": "und {n} weiterer: JSON nennt alle", "other": "und {n} weitere: JSON nennt alle"},
        "ro": {"one": "și încă {n}: JSON le are pe toate", "few": "și încă {n}: JSON le are pe toate", "other": "și încă {n}: JSON le are pe toate"},
        "nb": {"one": "og {n} til: JSON har alle", "other": "og {n} til: JSON har alle"},
    },
    "nurture.head": {
        "en": "the model would move, by",
        "de": "das Modell würde weiterbringen durch",
        "ro": "modelul ar duce mai departe prin",
        "nb": "modellen ville tatt videre ved",
    },
    "nurture.alone": {"en": "alone", "de": "allein", "ro": "singur", "nb": "alene"},
    "nurture.with_others": {"en": "with others", "de": "mit anderen", "ro": "cu alții", "nb": "med andre"},
}  # fmt: skip
