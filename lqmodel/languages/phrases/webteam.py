"""The view's words on the pages about all leads, about the model, and about who has access."""

from typing import Final

PHRASES: Final = {
    # ── nurture ──────────────────────────────────────────────────────────────────────────────────────────────
    "web.nurture": {"en": "Nurture", "de": "Pflegen", "ro": "Cultivare", "nb": "Pleie"},
    "web.working": {
        "en": "This is being worked out; the page loads again by itself.",
        "de": "Das wird gerade berechnet; die Seite lädt von selbst neu.",
        "ro": "Se calculează; pagina se reîncarcă singură.",
        "nb": "Dette regnes ut; siden lastes på nytt av seg selv.",
    },
    "web.leads": {
        "en": {"one": "{n} lead", "other": "{n} leads"},
        "de": {"one": "{n} Lead", "other": "{n} Leads"},
        "ro": {"one": "{n} lead", "few": "{n} leaduri", "other": "{n} de leaduri"},
        "nb": {"one": "{n} lead", "other": "{n} leads"},
    },
    "web.blocked": {
        "en": {"one": "{n} kept back by a fact", "other": "{n} kept back by a fact"},
        "de": {"one": "{n} durch eine Tatsache gehalten", "other": "{n} durch eine Tatsache gehalten"},
        "ro": {
            "one": "{n} reținut de un fapt",
            "few": "{n} reținute de un fapt",
            "other": "{n} reținute de un fapt",
        },
        "nb": {"one": "{n} holdt tilbake av et faktum", "other": "{n} holdt tilbake av et faktum"},
    },
    "web.would_move": {
        "en": "The model would move up, by",
        "de": "Das Modell würde höher stufen, durch",
        "ro": "Modelul ar urca, prin",
        "nb": "Modellen ville løfte, med",
    },
    "web.alone": {"en": "alone", "de": "allein", "ro": "singur", "nb": "alene"},
    "web.with_others": {
        "en": "with others",
        "de": "mit anderem",
        "ro": "cu altele",
        "nb": "med annet",
    },
    "web.nearest": {
        "en": {"one": "The nearest lead", "other": "The {n} nearest leads"},
        "de": {"one": "Der nächste Lead", "other": "Die {n} nächsten Leads"},
        "ro": {
            "one": "Cel mai apropiat lead",
            "few": "Cele mai apropiate {n} leaduri",
            "other": "Cele mai apropiate {n} de leaduri",
        },
        "nb": {"one": "Det nærmeste leadet", "other": "De {n} nærmeste leadene"},
    },
    "web.all_steps": {"en": "show all", "de": "alle zeigen", "ro": "arată toate", "nb": "vis alle"},
    "web.export": {
        "en": "These leads as a file (CSV)",
        "de": "Diese Leads als Datei (CSV)",
        "ro": "Aceste leaduri ca fișier (CSV)",
        "nb": "Disse leadene som fil (CSV)",
    },
    "web.in_file": {
        "en": {"one": "{n} more lead is in the file", "other": "{n} more leads are in the file"},
        "de": {
            "one": "{n} weiterer Lead steht in der Datei",
            "other": "{n} weitere Leads stehen in der Datei",
        },
        "ro": {
            "one": "încă {n} lead este în fișier",
            "few": "încă {n} leaduri sunt în fișier",
            "other": "încă {n} de leaduri sunt în fișier",
        },
        "nb": {"one": "{n} lead til står i filen", "other": "{n} leads til står i filen"},
    },
    # ── the funnel ───────────────────────────────────────────────────────────────────────────────────────────
    "web.funnel": {"en": "Funnel", "de": "Trichter", "ro": "Pâlnie", "nb": "Trakt"},
    # ── the model ────────────────────────────────────────────────────────────────────────────────────────────
    # ── people ───────────────────────────────────────────────────────────────────────────────────────────────
    "web.users": {"en": "People", "de": "Personen", "ro": "Persoane", "nb": "Personer"},
    "web.audit": {"en": "Audit log", "de": "Protokoll", "ro": "Jurnal", "nb": "Logg"},
    "web.role": {"en": "Role", "de": "Rolle", "ro": "Rol", "nb": "Rolle"},
    "web.role_seller": {"en": "seller", "de": "Vertrieb", "ro": "vânzări", "nb": "selger"},
    "web.role_marketer": {"en": "marketer", "de": "Marketing", "ro": "marketing", "nb": "markedsfører"},
    "web.role_manager": {"en": "manager", "de": "Leitung", "ro": "manager", "nb": "leder"},
    "web.role_admin": {"en": "admin", "de": "Verwaltung", "ro": "administrator", "nb": "administrator"},
    "web.may_seller": {
        "en": "sees and answers the handoffs that are theirs",
        "de": "sieht und beantwortet die eigenen Übergaben",
        "ro": "vede și răspunde la propriile preluări",
        "nb": "ser og besvarer egne overleveringer",
    },
    "web.may_marketer": {
        "en": "sees all leads, and answers none",
        "de": "sieht alle Leads und beantwortet keine",
        "ro": "vede toate leadurile și nu răspunde la niciunul",
        "nb": "ser alle leads og besvarer ingen",
    },
    "web.may_manager": {
        "en": "sees and answers all leads",
        "de": "sieht und beantwortet alle Leads",
        "ro": "vede și răspunde la toate leadurile",
        "nb": "ser og besvarer alle leads",
    },
    "web.may_admin": {
        "en": "as a manager, and says who has access",
        "de": "wie die Leitung, und bestimmt, wer Zugang hat",
        "ro": "ca un manager, și hotărăște cine are acces",
        "nb": "som en leder, og bestemmer hvem som har tilgang",
    },
    "web.change": {"en": "Change", "de": "Ändern", "ro": "Schimbă", "nb": "Endre"},
    "web.shut_out": {"en": "Shut out", "de": "Sperren", "ro": "Blochează", "nb": "Steng ute"},
    "web.is_shut_out": {"en": "shut out", "de": "gesperrt", "ro": "blocat", "nb": "stengt ute"},
    "web.add_people": {
        "en": "People are added on the command line, which asks for a password:",
        "de": "Personen kommen auf der Befehlszeile dazu, die nach einem Passwort fragt:",
        "ro": "Persoanele se adaugă din linia de comandă, care cere o parolă:",
        "nb": "Personer legges til på kommandolinjen, som spør etter et passord:",
    },
    "web.audit_means": {
        "en": "The latest entries. Leads stand by a digest: `lqmodel access LEAD` shows those of one lead.",
        "de": "Die neuesten Einträge. Leads stehen als Prüfwert da: `lqmodel access LEAD` zeigt die eines Leads.",
        "ro": "Cele mai noi înregistrări. Leadurile apar ca amprentă: `lqmodel access LEAD` le arată pe ale unui lead.",
        "nb": "De nyeste oppføringene. Leads står som en sjekksum: `lqmodel access LEAD` viser dem for ett lead.",
    },
    "web.all_people": {"en": "everybody", "de": "alle", "ro": "toți", "nb": "alle"},
    "web.when": {"en": "When", "de": "Wann", "ro": "Când", "nb": "Når"},
    "web.action": {"en": "What", "de": "Was", "ro": "Ce", "nb": "Hva"},
    "web.lead": {"en": "Lead", "de": "Lead", "ro": "Lead", "nb": "Lead"},
    "web.detail": {"en": "Detail", "de": "Einzelheit", "ro": "Detaliu", "nb": "Detalj"},
}
