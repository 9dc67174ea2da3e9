"""Write docs/reference from the code itself: what a page says is what the program does.

`make docs` runs it. Pages are the same bytes on every machine: no clock, no terminal, no order by chance.
"""

from __future__ import annotations

import copy
import inspect
import sys
import tomllib
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import measured
import surface
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from surface import code, first_line, page, prose, table
from typer.main import get_command

from lqmodel import cli, errors
from lqmodel.classifier import LeadClassifier
from lqmodel.declarations import (
    VERBS,
    DeclaredFeature,
    Duration,
    Feature,
    Model,
    ProjectFiles,
    SignedRules,
    Source,
)
from lqmodel.declarations.agreement import Day
from lqmodel.declarations.base import Declared, short
from lqmodel.declarations.crm import LEAD_ID, Levels, Page, Pairs, Said
from lqmodel.declarations.handoffs import Absences, Teams
from lqmodel.declarations.model import ClassifierOptions
from lqmodel.declarations.points import Worths
from lqmodel.declarations.source import Addresses, Reasons
from lqmodel.declarations.stages import Amounts, Codes, Wake, Whole
from lqmodel.declarations.texts import PLURALS, Texts, Titles
from lqmodel.declarations.values import DurationField, Length, Moment, Names, Spoken, Where, Windows, Zone
from lqmodel.languages import NAMES
from lqmodel.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
WIDTH = 100
"""Columns of a help text."""

VALUES: tuple[tuple[Any, str, str], ...] = (
    (
        DurationField,
        "duration",
        "a whole number and `m`, `h`, `d` or `w`, such as `'36h'`; a day is 24 hours",
    ),
    (Length, "length", "a duration above 0"),
    (Windows, "windows", "a list of lengths, each once; `'ever'` has no end"),
    (Names, "names", "a list of texts, each once"),
    (Addresses, "addresses", "a text, or a list of them"),
    (
        Where,
        "conditions",
        "a table, all of which must hold: `{ type = 'page_view', page = ['pricing', 'service'], duration_s = { ge = 5 } }`; "
        "a value means equal, a list any of them, and numbers compare with `ge`, `gt`, `le`, `lt`",
    ),
    (Zone, "zone", "a time zone, such as `'Europe/Berlin'`"),
    (Moment, "moment", "`2026-01-31`, its midnight in the zone, or `2026-01-31T08:00Z`"),
    (Spoken, "language", f"{', '.join(f'`{name}` ({called})' for name, called in NAMES.items())}"),
    (Titles, "titles", "a text, which is English, or a table of them by language"),
    (
        Texts,
        "words",
        f"by language, a text or a table of plural forms ({', '.join(f'`{form}`' for form in PLURALS)}), of which "
        "`other` must be there: `[NAME.reason.en]`",
    ),
    (
        Worths,
        "worths",
        "a table of feature or fact = points: `pricing_visits = 10` while it is present and above zero, "
        "`employees = { ge = 50, points = 10 }` by a number, `visits = { window = '7d', ge = 2, points = 5 }` in another "
        "window than the widest, a list of such tables, of which each that holds counts, or "
        "`industry = { software = 15, retail = 5 }` by level",
    ),
    (
        Teams,
        "teams",
        "a table of team = who is in it, and which values of the territory are theirs: `{ north = { people = ['a', 'b'], "
        "territory = ['DE', 'AT'] } }`; one team may have no territory and takes the rest",
    ),
    (
        Absences,
        "absences",
        "a table of person = a first and a last day, or a list of such pairs: `{ a = ['2026-01-05', '2026-01-16'] }`",
    ),
    (Day, "day", "`2026-01-15`"),
    (Wake, "sleep", "a duration, or `'never'`: without a date"),
    (Whole, "whole number or table", "`40`, or by level `{ north = 25, south = 15 }`"),
    (Amounts, "number or table", "`9000`, or by level `{ small = 4000, large = 50000 }`"),
    (Codes, "codes", "a table of code = sleep: `{ timing = '30d', competitor = 'never' }`"),
    (Said, "text or false", "`'so'`, or `false`: none"),
    (Levels, "options", "a table of name = a text, or a list of them: `{ Status = ['Open', 'Closed'] }`"),
    (Pairs, "pairs", "a table of field = column: `{ hs_lead_status = 'Lead Status' }`"),
    (Page, "page", f"an address with `{LEAD_ID}` in it: `'https://leads.example.com/leads/{LEAD_ID}'`"),
    (Reasons, "reasons", "a table of column = reason, the reason in at least three words"),
    (str, "text", "`'so'` or `\"so\"`"),
    (int, "whole number", ""),
    (float, "number", ""),
    (bool, "true or false", ""),
    (Path, "path", ""),
)


def pages() -> dict[str, str]:
    """Return file name → text of every page in docs/reference."""
    made = {
        "cli.md": cli_page(),
        "python.md": surface.python_page(),
        "declarations.md": declarations_page(),
        "features.md": features_page(),
        "outputs.md": outputs_page(),
        "settings.md": settings_page(),
        "errors.md": errors_page(),
        "speed.md": measured.speed_page(),
    }
    index = [f"- [{text.splitlines()[0].removeprefix('# ')}]({name})" for name, text in made.items()]
    return {"README.md": page("Reference", "\n".join(index)), **made}


def cli_page() -> str:
    """Each command with its help and an example."""
    group = get_command(cli.app)
    commands: dict[str, Any] = group.commands  # type: ignore[attr-defined]
    parts = [
        "Data go to stdout or into files, progress and notes to stderr. An error is one message, and its "
        "[exit code](errors.md) belongs to its class.",
        code(_help(group, "lqmodel")),
    ]
    for name, command in commands.items():
        parts += [f"## {name}", *_command(command, name)]
        for inner, part in getattr(command, "commands", {}).items():
            parts += [f"### {name} {inner}", *_command(part, f"{name} {inner}")]
    return page("Command line", *parts)


def _command(command: Any, name: str) -> list[str]:
    example = command.epilog.removeprefix("Example: ")
    return [code(_help(command, f"lqmodel {name}")), "For example:", code(example)]


def _help(command: Any, name: str) -> str:
    plain = copy.copy(command)
    plain.epilog = None  # the example stands below, unbroken
    text: str = plain.get_help(plain.context_class(plain, info_name=name, terminal_width=WIDTH))
    return "\n".join(line.rstrip() for line in text.splitlines())


def settings_page() -> str:
    """Each setting of the environment."""
    prefix = str(Settings.model_config["env_prefix"])
    rows = [
        [f"`{prefix}{key.upper()}`", _kind(Settings, key), _default(Settings, key), field.description or ""]
        for key, field in Settings.model_fields.items()
    ]
    return page(
        "Settings",
        "Settings belong to the machine, not to the model: the environment sets them.",
        table(["variable", "value", "default", "meaning"], rows),
    )


def declarations_page() -> str:
    """Each key of the TOML files."""
    values = [[name, meaning] for _, name, meaning in VALUES if meaning]
    parts = [
        "A project declares what it knows in two folders of TOML. Unknown keys are refused, with file and line.",
        "## Values",
        table(["value", "how it is written"], values),
        "## Sources: features/sources.toml",
        "One table for each source: `[NAME]`.",
        *_keys(Source),
        "## Features: every other file in features/",
        "At the top stands `kind = 'fit'` (who they are) or `kind = 'engagement'` (what they do). Then one "
        "table for each feature, `[NAME]` in lower-case letters, digits and `_`, with a verb.",
        "Every feature has these keys:",
        *_keys(Feature)[1:],
    ]
    for name, verb in VERBS.items():
        more = [key for key in verb.model_fields if key not in Feature.model_fields]
        parts += [f"### verb = '{name}'", *_keys(verb, more)]
    parts += ["## Models: models/NAME.toml", *_keys(Model)]
    for path, declared in _tables(Model, ()):
        parts += [f"### [{'.'.join(path)}]", *_keys(declared)]
    parts += ["## Agreements: models/agreements/NAME/VERSION.toml", *_keys(SignedRules)]
    return page("Declarations", *parts)


def _keys(declared: type[Declared], keys: Sequence[str] | None = None) -> list[str]:
    """Return what a table is for, and its keys; all of them, or some."""
    rows = [
        [
            f"`{declared.model_fields[key].alias or key}`",
            _kind(declared, key),
            _default(declared, key),
            declared.model_fields[key].description or "",
        ]
        for key in (declared.model_fields if keys is None else keys)
    ]
    listed = [table(["key", "value", "default", "meaning"], rows)] if rows else []
    return [prose(declared), *listed]


def _tables(
    declared: type[Declared], path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], type[Declared]]]:
    for key in declared.model_fields:
        inner = _inner(get_type_hints(declared)[key])
        if inner is not None:
            yield (*path, key), inner
            yield from _tables(inner, (*path, key))


def _inner(hint: Any) -> type[Declared] | None:
    return next((h for h in (hint, *get_args(hint)) if isinstance(h, type) and issubclass(h, Declared)), None)


def _kind(model: type[Any], key: str) -> str:
    """Say what a key holds: the name of its value, and the bounds."""
    hint = get_type_hints(model, include_extras=True)[key]
    field: FieldInfo = model.model_fields[key]
    bounds = _bounds([*field.metadata, *_metadata(hint)])
    return ", ".join(part for part in (_named(hint), bounds) if part)


def _named(hint: Any) -> str:
    for known, name, _ in VALUES:
        if hint == known:
            return name
    inner = _inner(hint)
    if inner is not None:
        return "table"
    origin = get_origin(hint)
    if origin is Literal:
        return " or ".join(f"`{short(choice)}`" for choice in get_args(hint))
    if origin in (Union, types.UnionType):
        return " or ".join(_named(arm) for arm in get_args(hint) if arm is not type(None))
    if origin is Annotated:
        return _named(get_args(hint)[0])
    raise TypeError(f"{hint!r} has no name in VALUES: give it one")


def _metadata(hint: Any) -> Iterator[Any]:
    for arm in (hint, *get_args(hint)):
        for item in getattr(arm, "__metadata__", ()):
            yield from item.metadata if isinstance(item, FieldInfo) else ()


def _bounds(metadata: Iterable[Any]) -> str:
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    found = {name: getattr(item, name) for item in metadata for name in words if hasattr(item, name)}
    if found.keys() == {"ge", "le"}:
        return f"{found['ge']:,} to {found['le']:,}"
    return ", ".join(f"{words[name]} {bound:g}" for name, bound in found.items())


def _default(model: type[Any], key: str) -> str:
    field: FieldInfo = model.model_fields[key]
    default = field.default
    if default is PydanticUndefined:
        return "required"
    if default is None and model is ClassifierOptions:
        default = inspect.signature(LeadClassifier).parameters[key].default
    if isinstance(default, Duration):
        default = default.text
    if default is None or default == () or isinstance(default, Declared):
        return ""
    return f"`{short(str(default) if isinstance(default, Path) else default)}`"


def features_page() -> str:
    """Each feature of the example, by file."""
    files = ProjectFiles.read(ROOT)
    parts = ["What the example project knows of a lead, as declared in [features/](../../features)."]
    for model in sorted(files.models):
        found = files.declarations(model)
        columns = len(found.columns())
        parts.append(f"Model `{model}` learns from {len(found.features)} features in {columns} columns.")
        for name in found.model.features:
            listed = [f for f in found.features if f.file == name]
            parts += [f"## {name}", f"Kind: {listed[0].kind}.", _features(listed)]
        parts += [
            "## Facts",
            "Gates look at these; the model does not learn from them.",
            _features(found.facts),
        ]
    return page("Features of the example", *parts)


def _features(listed: Iterable[DeclaredFeature]) -> str:
    rows = []
    for item in listed:
        feature = item.feature
        windows = ", ".join(w.text for w in getattr(feature, "windows", ()))
        words = dict(dict(feature.reason).get("en", ())).get("other", "")
        reads = ", ".join(f"`{column}`" for column in feature.reads())
        rows.append(
            [
                f"`{item.name}`",
                feature.verb,
                f"{feature.source}: {reads}" if reads else feature.source,
                windows,
                feature.direction or "",
                "yes" if feature.actionable else "",
                words,
            ]
        )
    return table(["feature", "verb", "reads", "windows", "direction", "actionable", "words"], rows)


def errors_page() -> str:
    """The exit codes, and the tree of errors."""
    codes = [[str(code), meaning] for code, meaning in errors.exit_codes().items()]
    return page(
        "Errors and exit codes",
        "A message says what is wrong, where, what exists instead, and what to do.",
        table(["exit code", "meaning"], codes),
        "## The tree",
        "In Python, each is also the builtin exception named beside it.",
        "\n".join(_branch(errors.LqmodelError, 0)),
    )


def _branch(error: type[errors.LqmodelError], depth: int) -> list[str]:
    builtin = [
        base.__name__ for base in error.__bases__ if base.__module__ == "builtins" and base is not Exception
    ]
    also = f" ({', '.join(builtin)})" if builtin else ""
    line = f"{'  ' * depth}- `{error.__name__}`{also}, exit {error.exit_code}: {first_line(error)}"
    ours = [child for child in error.__subclasses__() if child.__module__ == errors.__name__]
    return [line, *(text for child in ours for text in _branch(child, depth + 1))]


def outputs_page() -> str:
    """What stands in the files of a run and of a bundle."""
    documented = outputs()
    parts = [
        "## A run",
        "One scoring of all leads at one as_of: the folder `OUT/AS_OF-RUN_ID/`. `OUT/latest` is a link to the newest.",
    ]
    for name, file in documented["run"].items():
        rows = [
            [f"`{column}`", kind, unit, meaning] for column, (kind, unit, meaning) in file["columns"].items()
        ]
        parts += [f"### {name}", file["about"], table(["name", "type", "unit", "meaning"], rows)]
    files = [[f"`{name}`", meaning] for name, meaning in documented["bundle"].items()]
    parts += [
        "## A bundle",
        "The one folder that scoring needs. Text only, no pickle.",
        table(["file", "what it holds"], files),
    ]
    return page("Outputs", *parts)


def outputs() -> dict[str, Any]:
    """Return what tools/outputs.toml documents: ``run``, by file, and ``bundle``."""
    return tomllib.loads((ROOT / "tools" / "outputs.toml").read_text(encoding="utf-8"))


def write(made: Mapping[str, str], folder: Path) -> None:
    """Write the pages, and take away what is no page any more."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in set(folder.glob("*.md")) - {folder / name for name in made}:
        old.unlink()
    for name, text in made.items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    reference = ROOT / "docs" / "reference"
    write(pages(), reference)
    readme = ROOT / "README.md"
    readme.write_text(measured.filled(readme.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(f"written: {reference.relative_to(ROOT).as_posix()}/, and the tables of README.md\n")
