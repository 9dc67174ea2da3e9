"""Words in column names and values, and what they usually mean, in four languages.

Names are compared word by word: ``Last Notable Activity``, ``lastNotableActivity`` and
``last_notable_activity`` hold the same three words. Accents do not count.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterator, Sequence
from typing import Final

_BREAKS: Final = re.compile(r"[^0-9a-z]+")
_HUMPS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_PLAIN: Final = str.maketrans({"ø": "o", "Ø": "O", "æ": "ae", "Æ": "Ae", "ß": "ss", "đ": "d"})


def fold(text: str) -> str:
    """Return the text in lower-case letters without accents, and without space around it.

    >>> fold(" Închis ")
    'inchis'
    """
    decomposed = unicodedata.normalize("NFKD", text.translate(_PLAIN))
    return "".join(c for c in decomposed if not unicodedata.combining(c)).casefold().strip()


def words(name: str) -> tuple[str, ...]:
    """Split a name into folded words.

    >>> words("LastNotable_Activity")
    ('last', 'notable', 'activity')
    """
    return tuple(w for w in _BREAKS.split(fold(_HUMPS.sub(" ", name))) if w)


def phrases(text: str) -> frozenset[str]:
    """Return the phrases of a text, folded; a comma or a new line ends one.

    >>> sorted(phrases("Lead Status, Grund"))
    ['grund', 'lead status']
    """
    return frozenset(" ".join(words(line)) for line in text.replace(",", "\n").splitlines() if line.strip())


def phrases_in(parts: Sequence[str], known: Container[str], longest: int = 3) -> Iterator[str]:
    """Yield the known phrases that stand among folded words, longer ones first, then from the left.

    >>> list(phrases_in(words("Date of birth"), {"birth", "date of birth"}))
    ['date of birth', 'birth']
    """
    for length in range(min(longest, len(parts)), 0, -1):
        for start in range(len(parts) - length + 1):
            phrase = " ".join(parts[start : start + length])
            if phrase in known:
                yield phrase


def found(name: str, known: Container[str]) -> str | None:
    """Return the first phrase of whole words that stands in the name, longer ones first.

    >>> found("Date of birth", frozenset({"birth", "date of birth"}))
    'date of birth'
    """
    return next(phrases_in(words(name), known), None)


LATE: Final = phrases(
    """
    last, latest, final, current stage, status, state of lead, stage, substage, tag, tags, label, labels
    quality, profile, score, scoring, grade, rating, rank, index, probability, disposition, reason, reasons
    closed, close, closing, converted, conversion, won, win, lost, loss, outcome, result, results, deal, deals
    notable, remark, remarks, comment, comments, follow up, followup, next step, next action
    opportunity, contract, invoice, order, order value, payment, paid, onboarding, churn, churned, disqualified
    letzte, letzter, letztes, letzten, zuletzt, leadstatus, phase, stufe, schlagwort, schlagworte, qualitaet, qualitat
    profil, punkte, punktzahl, bewertung, grund, verlustgrund, absagegrund, abschlussgrund, abschluss
    abschlussdatum, abgeschlossen, gewonnen, verloren, ergebnis, auftrag, auftragswert, vertrag, rechnung, bemerkung
    ultim, ultima, ultimul, ultimele, stadiu, stare, etapa, eticheta, etichete, calitate, scor, indice, motiv, motivul
    inchis, inchisa, convertit, castigat, castigata, pierdut, pierduta, rezultat, contractul, factura, observatii
    siste, stadium, trinn, etikett, etiketter, kvalitet, poeng, indeks, grunn, arsak, lukket, avsluttet
    konvertert, vunnet, tapt, resultat, avtale, kontrakt, faktura, merknad
    """
)
"""Meanings that are usually filled in, or overwritten, when the outcome is known or near."""

INNOCENT: Final = phrases(
    """
    last name, lastname, marital status, family status, civil status, employment status, employee status
    job status, legal status, professional status, company stage, funding stage, growth stage, credit score
    credit rating, page rank, body mass index, postal index, order type, close by
    """
)
"""Phrases that hold a word of LATE and mean something else."""

NAMES: Final = phrases(
    """
    name, first name, last name, full name, lead name, contact name, company name, account name, company, firstname
    lastname, surname, vorname, nachname, firma, firmenname, unternehmen, nume, prenume, companie, navn, fornavn
    etternavn, firmanavn, selskap, organisation, organization
    """
)
ACCOUNT: Final = phrases(
    """
    account, account id, account number, company id, company number, organisation id, organization id, org id, firm id
    firma id, firmen id, unternehmen id, kontonummer, companie id, selskap id, customer account, household, household id
    """
)
ID: Final = phrases("id, ids, uuid, guid, key, number, no, nr, nummer, numar, hash, code, kennung, token")
CODE: Final = phrases(
    """
    id, code, type, kind, region, zone, zip, postcode, postal code, plz, category, segment, channel, group, class, browser
    systems, system, device, platform, version, sector, naics, sic, branch, country, landing page, weekday, month
    """
)
"""Names of whole numbers that are labels, not amounts."""

LEAD: Final = phrases(
    """
    lead, leads, prospect, prospects, contact, contacts, mql, mqls, student, students, user, users, customer, customers, client
    clients, person, people, member, members, registration, registrations, signup, signups, inquiry, inquiries, enquiry
    subscriber, subscribers, visitor, visitors, session, sessions, interessent, interessenten, kontakt, kontakte, kunde, kunden
    anfrage, anfragen, contacte, clienti, kontakter, kunder, emner
    """
)
EVENT: Final = phrases(
    """
    event, events, activity, activities, engagement, touch, touches, touchpoints, visit, visits, views, clicks, log, learning
    messages, mails, emails, interactions, aktivitaeten, aktivitaten, ereignisse, besuche, evenimente, activitati, hendelser
    aktiviteter
    """
)
OUTCOME: Final = phrases(
    """
    outcome, outcomes, deal, deals, closed, won, wins, sale, sales, purchase, purchases, order, orders, contract, contracts
    conversion, conversions, opportunity, opportunities, abschluss, abschlusse, abschluesse, auftraege, auftrage, verkaufe
    verkaeufe, vanzari, contracte, comenzi, salg, avtaler, ordrer
    """
)
BEHAVIOUR: Final = phrases(
    """visits, visit, total visits, page views, pageviews, pages, views, time spent, time on site, duration,
    durations, bounce, bounces, exit rates, bounce rates, sessions, session, clicks, opens, opened, downloads,
    downloaded, webinars, logins, log ins, searches, orders, minutes, seconds, clicked, attended, watched,
    besuche, seitenaufrufe, klicks, offnungen, vizite, clicuri, besok, klikk, apninger"""
)
"""Totals of what a lead did, as some systems keep them in the leads' own table."""
LABEL: Final = phrases(
    """
    converted, conversion, is converted, won, is won, outcome, label, target, y, purchased, purchase, bought, sale, sold, revenue
    subscribed, subscription, customer, is customer, closed won, deal won, result, status, stage, lead status, lead stage
    deal stage, gewonnen, konvertiert, gekauft, kaufte, abschluss, ergebnis, castigat, convertit, cumparat, rezultat
    vunnet, konvertert, kjopt, resultat
    """
)
WON_VALUES: Final = phrases(
    """
    won, closed won, deal won, converted, customer, purchased, bought, success, successful, sold, gewonnen, abgeschlossen gewonnen
    auftrag, kunde, gekauft, castigat, castigata, client, convertit, vunnet, konvertert, solgt
    """
)
LOST_VALUES: Final = phrases(
    """
    lost, closed lost, deal lost, disqualified, rejected, unqualified, failed, verloren, abgelehnt, absage, disqualifiziert
    pierdut, pierduta, respins, tapt, avvist, diskvalifisert
    """
)
YES_VALUES: Final = phrases("1, 1.0, yes, y, true, t, ja, j, wahr, da, adevarat, sant")
NO_VALUES: Final = phrases("0, 0.0, no, n, false, f, nein, falsch, nu, fals, nei, usann")

CREATED: Final = phrases(
    """
    created, creation, create, registered, registration, signup, sign up, signed up, first contact, first seen, first touch
    inquiry, enquiry, opened, entered, added, lead date, joined, subscribed, erstellt, erstellung, angelegt, anlage
    registriert, eingang, eingegangen, anfrage, erstkontakt, creat, creare, inregistrat, inregistrare, opprettet, registrert
    """
)
CLOSED: Final = phrases(
    """
    won, closed, close, closing, purchased, purchase, converted, conversion, sold, sale, ordered, order, signed, decision
    gewonnen, abschluss, abschlussdatum, geschlossen, gekauft, verkauft, castigat, inchis, cumparat, vanzare, vunnet
    lukket, kjopt, solgt
    """
)
INGESTED: Final = phrases(
    "ingested, loaded, synced, inserted, imported, arrived, exported, geladen, importiert"
)
EVENT_TYPE: Final = phrases(
    """
    type, event, event type, event name, action, activity, activity type, kind, name, verb, channel
    typ, art, ereignis, aktion, aktivitaet, aktivitat, tip, actiune, eveniment, hendelse, handling
    """
)
SALES_TALK: Final = phrases(
    """
    demo, demonstration, product tour, proposal, quote, quotation, offer, pricing, prices, consultation, consulting, call
    callback, call back, meeting, appointment, sales, trial, angebot, angebots, angebote, vorfuhrung, vorfuehrung, beratung
    beratungsgesprach, beratungsgespraech, ruckruf, rueckruf, termin, preise, oferta, oferte, consultanta, consultatie
    demonstratie, demonstratii, apel, intalnire, tilbud, radgivning, demonstrasjon, oppringning, mote
    """
)
"""What a lead asks sales for."""
ASKED: Final = phrases(
    """
    request, requested, requests, asked, ask, asks, enquiry, inquiry, booked, book, wanted, anfrage, angefragt, angefordert
    anforderung, gebucht, gewunscht, gewuenscht, angebotsanfrage, demoanfrage, cerere, cerut, ceruta, solicitare, solicitat
    solicitata, programat, foresporsel, forespurt, bedt, bestilt
    """
)
"""That the lead asked, and not that somebody sent or did it."""
CONTACT_FORM: Final = phrases(
    "contact form, contact us, contact request, kontaktformular, kontaktanfrage, formular de contact, formular contact, kontaktskjema"
)
INTEREST: Final = phrases(
    """
    social, social engagement, follow, followed, follower, like, liked, share, shared, linkedin, facebook, instagram, twitter
    newsletter, sent, delivered, email open, email opened, mail opened, opened, open, bounce, bounced, zugestellt, geoffnet
    geoeffnet, gesendet, versendet, retele sociale, abonare, trimis, deschis, sosiale medier, nyhetsbrev, apnet
    """
)
"""Acts that show some interest, or none of the lead's own, and are no reason for a call."""
OPTED_OUT: Final = phrases(
    """
    unsubscribe, unsubscribed, unsubscribes, opt out, opted out, optout, spam complaint, complaint, do not contact, abmeldung
    abgemeldet, widerspruch, dezabonare, dezabonat, avmelding, avmeldt, reservert
    """
)

MISSING: Final = frozenset(
    fold(text)
    for text in (
        "", "select", "please select", "n/a", "n.a.", "na", "#n/a", "nan", "null", "none", "nil", "-", "--", "---", "?", ".",
        "unknown", "not known", "not specified", "not provided", "not available", "missing", "undefined", "(blank)", "blank",
        "unbekannt", "keine angabe", "k.a.", "k. a.", "bitte wählen", "bitte auswählen", "ohne angabe",
        "necunoscut", "nespecificat", "selectați", "fără", "ukjent", "ikke oppgitt", "velg", "ingen",
    )
)  # fmt: skip
"""Folded texts that mean that nothing is known."""


def too_late(name: str) -> str | None:
    """Return the words of a name that suggest that it is filled in with the outcome, or None.

    >>> too_late("Last Notable Activity"), too_late("Last Name"), too_late("Total Time Spent on Website")
    ('last', None, None)
    """
    rest = " ".join(words(name))
    while innocent := found(rest, INNOCENT):
        rest = f" {rest} ".replace(f" {innocent} ", " ").strip()
    return found(rest, LATE)


def humanise(name: str) -> str:
    """Return a column's name as words of a sentence; capitals that stand for something stay.

    >>> humanise("Total Time Spent on Website"), humanise("lead_source"), humanise("totalVisits"), humanise("CRM Owner")
    ('total time spent on website', 'lead source', 'total visits', 'CRM owner')
    >>> humanise("How did you hear about X Education")
    'how did you hear about X Education'
    """
    parts = [p for p in re.split(r"[\s_./-]+", _HUMPS.sub(" ", name.strip())) if p]
    sentence = " " in name.strip() and any(
        len(p) > 3 and p.islower() for p in parts
    )  # then capitals inside it are names
    return (
        " ".join(
            p if (p.isupper() and p != "A") or (sentence and i) else p.lower() for i, p in enumerate(parts)
        )
        or name
    )
