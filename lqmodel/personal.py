"""Columns about a person: traits that should not decide on anyone, what stands in for them, and how to reach them.

Names are compared word by word, in English, German, Romanian, Norwegian, Spanish and Portuguese. A word such as
"age" or "health" is about a person unless its neighbours say what else has one: a lead, a company, a page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from lqmodel.lexicon import fold, phrases, phrases_in, words

Kind = Literal["trait", "proxy", "name", "contact"]
TRAIT: Final = "a personal trait, which should not decide on anyone"
PROXY: Final = "a likely stand-in for a personal trait, such as sex, age or descent"
NAME: Final = "a person's name, which says who someone is, and often of what sex and descent"
CONTACT: Final = "a way to reach a person, not to know one"
FEWEST_VALUES: Final = 3  # different values, before they are taken for those of one kind
MOSTLY: Final = 0.5  # share of different values that are e-mail addresses
GIVEN: Final = 0.3  # share of different values that begin with a given name

_ALWAYS: Final[dict[Kind, frozenset[str]]] = {
    "trait": phrases(
        """
        gender, sex, age group, age range, age band, age bracket, age years, agegroup, agerange, ageband, birth, birthday, birthdate,
        birthplace, birthyear, birth date, date of birth
        dob, year of birth, birth year, born, religion, religious, religious affiliation, faith, belief, nationality, nationalities
        citizenship, ethnicity, ethnic, skin colour, skin color, marital, marital status, civil status, married, pregnant, pregnancy
        disability, disabilities, medical condition, health condition, health conditions, patient health, medical history, medical record, illness, sexual, sexual orientation, sexuality, lgbt, children
        number of children, kids, union member, union membership, trade union, labour union, labor union, political, politics, party membership
        party affiliation, criminal record, convictions, immigration status, refugee, caste, genetic, biometric, mother tongue
        geschlecht, lebensalter, altersgruppe, altersklasse, alter in jahren, geburtstag, geburtsdatum, geburtsjahr, geburtsort
        geburts, gebdatum, geb datum, geburtsland,        konfession, religionszugehorigkeit, religionszugehoerigkeit, staatsangehoerigkeit, staatsangehorigkeit, staatsburgerschaft
        staatsbuergerschaft, nationalitaet, nationalitat, ethnie, ethnische herkunft, hautfarbe, familienstand, verheiratet, schwanger
        schwangerschaft, behinderung, schwerbehinderung, behinderungsgrad, gesundheit, gesundheitszustand, krankheit, krankheiten
        sexuelle orientierung, kinderzahl, anzahl kinder, gewerkschaft, gewerkschaftsmitglied, gewerkschaftszugehorigkeit
        gewerkschaftszugehoerigkeit, politische meinung, politische einstellung, parteimitglied, parteizugehorigkeit
        parteizugehoerigkeit, vorstrafen
        sexul, varsta, grupa de varsta, data nasterii, anul nasterii, locul nasterii, religie, religia, confesiune, nationalitate, nationalitatea
        cetatenie, cetatenia, etnie, etnia, rasa, stare civila, starea civila, casatorit, casatorita, insarcinata, dizabilitate, dizabilitati
        stare de sanatate, sanatate, orientare sexuala, orientarea sexuala, numar copii, numar de copii, copii, sindicat
        membru de sindicat, opinii politice, orientare politica, cazier
        kjonn, aldersgruppe, fodselsdato, fodselsdag, fodselsar, fodested, fodeland, nasjonalitet, statsborgerskap, etnisitet, etnisk
        religios, livssyn, trosretning, hudfarge, sivilstatus, sivilstand, gravid, funksjonshemming, funksjonsnedsettelse, helsetilstand, sykdom
        seksuell legning, seksuell orientering, antall barn, fagforening, fagforeningsmedlem, politisk, politisk syn, partimedlem
        sexo, genero, edad, idade, grupo de edad, rango de edad, faixa etaria, fecha de nacimiento, ano de nacimiento, nacimiento
        data de nascimento, ano de nascimento, nascimento, nacionalidad, nacionalidade, ciudadania, cidadania, raza, raca, etnicidad
        etnicidade, color de piel, cor da pele, religiao, creencia, estado civil, casado, casada, embarazada, embarazo, gravida
        gravidez, discapacidad, deficiencia, estado de salud, estado de saude, enfermedad, doenca, orientacion sexual, orientacao sexual
        hijos, numero de hijos, filhos, numero de filhos, sindicato, afiliacion sindical, afiliacao sindical, filiacao sindical, afiliacion politica
        ideologia politica, opinion politica, opiniao politica, filiacao partidaria, partido politico, antecedentes penales
        """
    ),
    "proxy": phrases(
        """
        salutation, honorific, courtesy title, name prefix, form of address, pronoun, pronouns, photo, portrait, headshot, avatar
        profile picture, profile image, native language, first language, mother language, maiden name
        anrede, grussformel, lichtbild, passfoto, profilbild, muttersprache, erstsprache, geburtsname, madchenname, maedchenname
        apelativ, formula de adresare, limba materna, poza, fotografie, fotografia, nume de fata
        tiltaleform, tiltale, morsmal, profilbilde, pikenavn
        tratamiento, tratamento, saludo, lengua materna, idioma materno, lingua materna, foto, foto de perfil, apellido de soltera
        """
    ),
    "name": phrases(
        """
        first name, firstname, given name, forename, middle name, last name, lastname, surname, family name, full name, fullname
        contact name, lead name, person name
        vorname, vornamen, nachname, familienname, zuname, rufname, name des kontakts
        prenume, prenumele, nume de familie, nume complet, numele complet
        fornavn, etternavn, mellomnavn, fullt navn
        nombre de pila, primer nombre, apellido, apellidos, nombre completo, primeiro nome, sobrenome, nome completo, apelido
        """
    ),
    "contact": phrases(
        """
        e mail, email, mail, email address, mail address, phone, phone number, telephone, mobile number, mobile phone, cellphone
        cell phone, fax, fax number, whatsapp, telefon, telefonnummer, handynummer, handy, mobil, mobilnummer, epost, e post, linkedin
        linkedin url, twitter, facebook, street, street address, home address, postal address, address, address line, strasse, hausnummer, adresse
        adresa, strada, numar de telefon, gateadresse, ip, ip address, telefono, telefone, celular, movil, correo, correo electronico
        direccion, endereco, calle, rua, cnp, cpf, dni, personnummer, fodselsnummer, social security number, ssn, passport, passport number
        ausweisnummer, steuer id
        """
    ),
}
"""Phrases that are about a person wherever they stand."""

_UNLESS: Final[dict[str, frozenset[str]]] = {
    word: phrases(others)
    for names, others in (
        (
            "age, alter, alder, age group, age range, age band, age bracket, age years, altersgruppe, altersklasse, alter in jahren",
            """
            lead, leads, account, accounts, company, firm, business, organisation, organization, startup, domain, deal, opportunity, ticket
            case, record, contract, subscription, membership, tenure, relationship, device, vehicle, car, house, home, building, property
            product, content, website, site, page, cookie, browser, session, list, campaign, stage, pipeline, quote, offer, order, invoice
            debt, loan, policy, inventory, stock, asset, equipment, machine, system, software, app, file, data, image, post, cache, event
            task, activity, visit, mail, email, score, status, profile, days, day, hours, hour, minutes, weeks, week, months, month
            seconds, ego, konto, firma, firmen, unternehmen, unternehmens, vertrag, domane, lagers, tage, tagen, kunden beziehung, selskap
            selskapet, bedrift, firmaets, avtale, dager, bygg, middle
            """,
        ),
        (
            "edad, idade, varsta",
            """
            lead, leads, leadului, empresa, cuenta, conta, cont, contului, firma, firmei, compania, companie, companiei, sitio, site, pagina
            dominio, domeniului, oportunidad, oportunidade, oportunitatii, dias, zile, meses, luni, dispositivo, producto, produto
            edificio, cladirii, vehiculo, veiculo, masinii, contrato, contractului, cliente desde
            """,
        ),
        (
            "health, helse, salud, saude, gesundheit, sanatate",
            """
            sector, industry, branche, care, insurance, score, account, customer, company, system, check, status page, data, feed, pipeline
            site, website, service, services, domain, relationship, deal, client, supplies, device, devices, domeniu, sectorul, ramura
            economia, industria, segment, segmento, vertical, equipment, practice, publica, public, center, centre, kasse
            """,
        ),
        ("children, kids, kinder, copii, hijos, filhos", "books, wear, clothing, products, category, toys, shop, segment, page, pages, club, menu"),
        ("race", "event, date, day, registration, registered, distance, track, condition, number, type, time, results, horse, bib, conditions"),
        ("born", "global, web, digital, cloud"),
        ("marital, married, casado, casada", "products"),
        ("faith, belief, creencia", "good, company"),
        ("sex, sexual, sexuality, sexo, sexul, genero, gender", "products, category, catalogue, catalog, department, item, article, pay, gap, literario, musical"),
        ("political, politics, politisk", "risk, page, pages, news, section"),
        ("rasa", "tabula"),
        ("foto, photo, poza, fotografie, fotografia, portrait, avatar", "viewed, views, view, uploads, product, products, gallery, mode, orientation, count, category, shop, studio, equipment"),
        ("deficiencia", "produto, producto"),
        ("saludo, tratamiento, tratamento", "agua, residuos, dados, datos, termico, template"),
        ("refugee, immigration status", "program"),
        ("contact name, lead name", "company, account, type"),
    )
    for word in phrases(names)
}  # fmt: skip
"""A phrase that is about a person unless one of these stands beside it."""

_ALONE: Final = phrases("age, alter, alder, race, gen, kinder, health, helse, salud, saude, parti, partei")
"""Words that are about a person by themselves, or beside one that names a person; "age" unless a thing has it."""

_PERSONS: Final = phrases(
    """
    person, persons, persona, pessoa, contact, customer, client, user, owner, applicant, buyer, visitor, student, subscriber, member, prospect
    respondent, participant, employee, kunde, kunden, kontakt, kontakts, nutzer, benutzer, interessent, besucher, cliente, clientul, clientului
    contactului, kunden alter, kontakten, bruker, usuario, comprador, aluno, alumno, estudiante, utilizator, the, of, der, des, del, de, la, a
    in, at, signup, registration, years, jahren, current, status, lead's
    """
)

_INNOCENT: Final = phrases(
    """
    do not email, do not call, do not mail, do not phone, do not contact, email opt in, email opt out, opt in, opt out, mailing list, mailing
    email opens, email clicks, emails opened, emails clicked, email opened, email clicked, email source, email domain, mail domain
    email provider, email verified, email valid, email bounced, email bounce, email status, email consent, email type, email campaign
    email template, email subject, email count, emails sent, email sent, email engagement, email frequency, email client, mobile app
    phone type, phone calls, phone consent, phone verified, phone country, mail type, facebook ads, facebook campaign
    linkedin campaign, linkedin ads, twitter campaign, linkedin followers, twitter followers, facebook followers, facebook likes
    page address, web address, landing page address, address type, address verified, address country, address city, street view, ip country
    ip type, ip score, ip region, company name, firmenname, lead gen, next gen, gen ai, native language support, gender neutral, has email, has phone, has mobile, hat email, hat telefon, e mail opt in, e mail opt out
    e mail domain, e mail opens, wall street, credit union, student union
    """
)
"""Phrases that hold a word of the above and are about something else, such as consent."""

_FEMALE: Final = (
    "female, woman, weiblich, frau, feminin, femeie, femenino, feminino, mujer, mulher, kvinne, f, w"
)
_MALE: Final = "male, man, maennlich, mannlich, mann, masculin, barbat, masculino, hombre, homem, m"
_SEXES: Final = (phrases(_FEMALE), phrases(_MALE))
_NO_SEX: Final = phrases(
    "other, unknown, diverse, divers, d, x, non binary, nonbinary, prefer not to say, keine angabe, annet, otro, outro, altul"
)
_SALUTATIONS: Final = phrases(
    """
    mr, mrs, ms, miss, mx, sir, madam, master, dr, prof, professor, herr, frau, fraulein, fraeulein, dl, d l, domnul, dna, d na, doamna, dra
    domnisoara, hr, fru, froken, frk, senor, sr, senora, sra, senorita, srta, senhor, senhora, dona, don, lord, lady, rev, dr med, herr dr
    frau dr, prof dr, ing, dipl ing
    """
)
_GIVEN_NAMES: Final = phrases(
    """
    james, john, robert, michael, william, david, richard, joseph, thomas, charles, christopher, daniel, matthew, anthony, mark, steven, paul
    andrew, joshua, kenneth, kevin, brian, george, edward, ronald, timothy, jason, jeffrey, ryan, jacob, gary, nicholas, eric, jonathan, stephen
    larry, justin, scott, brandon, benjamin, samuel, gregory, frank, alexander, raymond, patrick, jack, dennis, jerry, tyler, aaron, peter, adam
    mary, patricia, jennifer, linda, elizabeth, barbara, susan, jessica, sarah, karen, lisa, nancy, betty, sandra, margaret, ashley, kimberly, emily
    donna, michelle, carol, amanda, melissa, deborah, stephanie, rebecca, laura, helen, sharon, cynthia, kathleen, amy, angela, anna, ruth, brenda
    nicole, katherine, samantha, christine, emma, catherine, rachel, maria, heather, julie, olivia, sophia, sophie, hannah, julia, alice, eva, claire
    hans, klaus, jurgen, juergen, wolfgang, heinz, dieter, manfred, uwe, gunter, guenter, stefan, andreas, markus, matthias, sebastian, tobias, florian
    felix, lukas, jonas, leon, maximilian, moritz, jan, tim, kai, sven, ralf, bernd, ulrich, heike, sabine, petra, monika, renate, ursula, ingrid, claudia
    birgit, katrin, anja, silke, susanne, martina, andrea, katharina, lena, lea, johanna, greta, clara, marie, christina, franziska, inge
    ion, gheorghe, vasile, nicolae, constantin, mihai, mihail, andrei, alexandru, stefania, elena, ioana, mariana, georgiana, cristina, daniela, adriana
    cristian, florin, bogdan, radu, vlad, razvan, marius, catalin, gabriela, simona, alina, raluca, diana, oana, roxana, anca, mircea, dumitru, ana
    ole, lars, kjell, knut, sverre, per, svein, arne, bjorn, odd, tor, thor, geir, terje, morten, erik, magnus, henrik, kristian, anne, inger
    kari, marit, liv, eli, berit, astrid, bjorg, hilde, randi, solveig, ida, ingeborg, nora, sunniva, silje, marte, einar, leif, trond, tone, haakon
    jose, juan, luis, carlos, jesus, javier, francisco, manuel, pedro, jorge, miguel, rafael, fernando, antonio, alejandro, pablo, sergio, ricardo, diego
    carmen, isabel, pilar, lucia, paula, dolores, teresa, rosa, marta, sofia, valentina, camila, mariana, joao, paulo, tiago, rodrigo, bruno, gustavo, lucas
    mateus, thiago, beatriz, fernanda, juliana, leticia, larissa, amelia, ines, rita, catarina, mohammed, muhammad, ahmed, ali, fatima, wei, li
    priya, rahul, amit, sunita, raj, anil, deepak, yusuf, mehmet, ayse, olga, ivan, natalia, dmitri, tatiana, igor, svetlana, giulia, marco, giovanni
    """
)
_EMAIL: Final = re.compile(r"^[^@\s]+@[^@\s]+\.[^@\s.]{2,}$")


@dataclass(frozen=True)
class About:
    """What a column says of a person, why that is so, and by which word or values it was known."""

    kind: Kind
    reason: str
    by: str


_REASONS: Final[dict[Kind, str]] = {"trait": TRAIT, "proxy": PROXY, "name": NAME, "contact": CONTACT}


def about_person(name: str) -> About | None:
    """Return what a column of this name says of a person, or None.

    >>> about_person("Date of birth").by, about_person("lead_age"), about_person("kunden_alter").kind
    ('date of birth', None, 'trait')
    """
    left = _without_innocent(words(name))
    for kind, known in _ALWAYS.items():
        for phrase in phrases_in(left, known):
            if not _belongs_to_a_thing(phrase, left):
                return About(kind, _REASONS[kind], phrase)
    for word in phrases_in(left, _ALONE):
        others = [w for w in left if w not in word.split()]
        of_a_person = all(w in _PERSONS for w in others)
        by_default = word in ("age", "alter", "alder") and word in _UNLESS  # unless a thing has the age
        if (of_a_person or by_default) and not _belongs_to_a_thing(word, left):
            return About("trait", TRAIT, word)
    return None


def personal(name: str) -> str | None:
    """Return why a column of this name is about the person, or None.

    >>> personal("E-Mail"), personal("Do Not Email"), personal("Geschlecht")
    ('a way to reach a person, not to know one', None, 'a personal trait, which should not decide on anyone')
    """
    about = about_person(name)
    return None if about is None else about.reason


def values_about_person(values: Iterable[str]) -> About | None:
    """Return what the different values of a category say of a person, or None.

    Parameters
    ----------
    values : iterable of str
        Each value once, missing ones left out; any order.

    Examples
    --------
    >>> values_about_person(["Mr", "Mrs", "Dr."]).reason == PROXY
    True
    >>> values_about_person(["DE", "RO"]) is None
    True
    """
    texts = sorted(set(values))
    folded = {" ".join(words(text)) for text in texts} - {""}
    if not folded:
        return None
    if all(folded & sex for sex in _SEXES) and folded <= _SEXES[0] | _SEXES[1] | _NO_SEX:
        return About("trait", TRAIT, f"its values are {texts[0]!r} and the like")
    if len(folded & _SALUTATIONS) >= 2 and folded <= _SALUTATIONS | _NO_SEX:
        return About("proxy", PROXY, f"its values are {texts[0]!r} and the like")
    if len(texts) >= FEWEST_VALUES and sum(map(bool, map(_EMAIL.match, texts))) > MOSTLY * len(texts):
        return About("contact", CONTACT, "its values are e-mail addresses")
    given = sum(_begins_with_given_name(text) for text in texts)
    if len(texts) >= 5 * FEWEST_VALUES and given >= GIVEN * len(texts):
        return About("name", NAME, "its values look like the names of people")
    return None


def _begins_with_given_name(text: str) -> bool:
    parts = text.split()
    return 1 <= len(parts) <= 4 and fold(parts[0].strip(",.")) in _GIVEN_NAMES


def _without_innocent(parts: tuple[str, ...]) -> tuple[str, ...]:
    """Take phrases that mean something else out of a name."""
    left = " ".join(parts)
    while innocent := next(iter(phrases_in(tuple(left.split()), _INNOCENT)), None):
        left = f" {left} ".replace(f" {innocent} ", " ").strip()
    return tuple(left.split())


def _belongs_to_a_thing(phrase: str, parts: tuple[str, ...]) -> bool:
    things = _UNLESS.get(phrase)
    return things is not None and any(True for _ in phrases_in(parts, things))
