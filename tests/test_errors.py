"""Every error names what is wrong, where, what exists and what to do, and carries an exit code."""

from __future__ import annotations

import builtins
import copy
import re

import pytest

from lqmodel import errors
from lqmodel.errors import LqmodelError, exit_codes, listing, nearest


def _family(cls: type[LqmodelError]) -> list[type[LqmodelError]]:
    return [cls, *(inner for child in cls.__subclasses__() for inner in _family(child))]


CLASSES = [cls for cls in _family(LqmodelError) if cls.__module__ == errors.__name__]
BUILTINS: dict[type[LqmodelError], tuple[type[Exception], ...]] = {
    errors.UsageError: (ValueError,),
    errors.BadData: (ValueError,),
    errors.ColumnMissing: (ValueError, KeyError, LookupError),
    errors.WrongType: (ValueError, TypeError),
    errors.BundleDamaged: (ValueError,),
    errors.NoInput: (FileNotFoundError, OSError),
    errors.CannotWrite: (OSError,),
    errors.BadDeclaration: (ValueError,),
}
every_class = pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)


def _whole(cls: type[LqmodelError]) -> LqmodelError:
    return cls("no column 'pag'", where="events.parquet", exists=["page", "type"], do="write 'page'")


WHOLE = "events.parquet: no column 'pag'\n  there is: page, type\n  do: write 'page'"


def test_the_exit_codes_are_those_that_are_documented() -> None:
    assert exit_codes() == {
        0: "done",
        1: "refused by a check or an alarm",
        2: "wrong usage",
        65: "bad data",
        66: "no input",
        73: "cannot write",
        78: "bad declaration",
    }


@every_class
def test_the_drawn_tree_shows_the_class_with_its_exit_code(cls: type[LqmodelError]) -> None:
    drawn = str(errors.__doc__)
    assert re.search(rf"\b{cls.__name__}\b", drawn)
    own = "exit_code" in vars(cls) or cls is errors.Refused
    if own and cls is not LqmodelError:
        assert re.search(rf"\b{cls.__name__} +exit {cls.exit_code}\b", drawn)


def test_the_drawn_tree_shows_nothing_else() -> None:
    drawn = re.findall(r"[├└]── (\w+)", str(errors.__doc__))
    assert sorted(drawn) == sorted(cls.__name__ for cls in CLASSES if cls is not LqmodelError)


@every_class
def test_all_parts_are_shown(cls: type[LqmodelError]) -> None:
    assert str(_whole(cls)) == WHOLE


@every_class
@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ({}, "off"),
        ({"where": "a.toml:3"}, "a.toml:3: off"),
        ({"do": "mend it"}, "off\n  do: mend it"),
        ({"exists": ()}, "off\n  there is: nothing"),
        ({"exists": ("a",)}, "off\n  there is: a"),
    ],
)
def test_parts_that_are_not_given_leave_no_trace(
    cls: type[LqmodelError], parts: dict[str, str], text: str
) -> None:
    assert str(cls("off", **parts)) == text


@every_class
def test_it_is_also_the_fitting_builtin(cls: type[LqmodelError]) -> None:
    error = _whole(cls)
    for builtin in BUILTINS.get(cls, ()):
        assert isinstance(error, builtin)
    inherited = {b for b in cls.__mro__ if b.__module__ == builtins.__name__} - set(LqmodelError.__mro__)
    assert inherited <= {mixin for b in BUILTINS.get(cls, ()) for mixin in b.__mro__}


@every_class
def test_it_can_be_caught_as_the_builtin(cls: type[LqmodelError]) -> None:
    for builtin in BUILTINS.get(cls, (Exception,)):
        with pytest.raises(builtin) as caught:
            raise _whole(cls)
        assert str(caught.value) == WHOLE


@every_class
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_says_the_same(cls: type[LqmodelError], copied: type) -> None:
    error = _whole(cls)
    again = copied(error)
    assert type(again) is cls
    assert again is not error
    assert str(again) == WHOLE
    assert (again.message, again.where, again.exists, again.do) == (
        error.message,
        error.where,
        error.exists,
        error.do,
    )


@every_class
def test_raised_again_it_says_the_same_and_keeps_its_cause(cls: type[LqmodelError]) -> None:
    cause = OSError("disk")
    first = _whole(cls)
    first.__cause__ = cause

    def again() -> None:
        try:
            raise first
        except LqmodelError as error:
            raise error.with_traceback(None)  # noqa: B904

    with pytest.raises(cls) as caught:
        again()
    assert caught.value is first
    assert str(caught.value) == WHOLE
    assert caught.value.__cause__ is cause


def test_names_from_an_iterator_are_kept() -> None:
    error = LqmodelError("off", exists=(name for name in "ab"))
    assert str(error) == str(error) == "off\n  there is: a, b"


def test_a_long_listing_is_cut_and_counted() -> None:
    assert listing(map(str, range(25))).endswith("23, 24")
    assert listing(map(str, range(26))).endswith("23, 24 … and 1 more")
    assert listing(map(str, range(500)), most=1) == "0 … and 499 more"


@pytest.mark.parametrize(
    ("name", "found"),
    [("windos", "windows"), ("Windows", "windows"), ("zzz", None), ("", None), ("where", "where")],
)
def test_the_nearest_name(name: str, found: str | None) -> None:
    assert nearest(name, iter(["where", "windows"])) == found


def test_nothing_is_near_nothing() -> None:
    assert nearest("a", []) is None
