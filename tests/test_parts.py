"""A stranger's machine may lack a part; CI may not."""

from __future__ import annotations

import pytest
from parts import need


def test_a_part_that_is_there_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LQMODEL_STRICT", "1")
    need(True, "a browser")


def test_skips_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LQMODEL_STRICT", raising=False)
    with pytest.raises(pytest.skip.Exception, match="this system lacks a browser"):
        need(False, "a browser")


def test_fails_where_strict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LQMODEL_STRICT", "1")
    with pytest.raises(pytest.fail.Exception, match="this system lacks a browser"):
        need(False, "a browser")
