"""Fixtures of the wiring's tests: projects that are trained once for all workers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas  # noqa: F401 - first of all, so that `predict` in this process keeps nothing out
import pytest
from nights import Databases, databases
from once import once
from projects import Trained, train, write_company, write_flat

from lqmodel.cli import main
from lqmodel.ledger import Ledger


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The example on 1,500 simulated leads."""

    def build(root: Path) -> None:
        write_company(root)
        train(root, register=0)

    return Trained(once(tmp_path_factory, "company", build))


@pytest.fixture(scope="session")
def flat(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """One table of 600 leads without a clock; registered twice: a champion and a challenger."""

    def build(root: Path) -> None:
        write_flat(root)
        train(root, register=2)

    return Trained(once(tmp_path_factory, "flat", build))


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    """Both databases that a ledger may lie in; PostgreSQL runs once for each worker that needs it."""
    with databases(request.param, tmp_path_factory.mktemp("stores")) as made:
        yield made


@pytest.fixture
def ledger(store: Databases, tmp_path: Path) -> Ledger:
    """A ledger in which nothing was ever recorded."""
    return store.ledger(tmp_path)


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    def refused(self, code: int, *parts: str) -> None:
        """Assert that one clear message came, with these parts, and nothing on stdout."""
        assert (self.code, self.out) == (code, ""), self
        assert self.err.count("error: ") == 1, self.err
        assert "Traceback" not in self.err, self.err
        for part in parts:
            assert part in self.err, f"{part!r} is not in {self.err}"


@pytest.fixture
def lqmodel(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Call the command line as its entry point does."""

    def call(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["lqmodel", *map(str, arguments)])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else int(left.code is not None)
        found = capsys.readouterr()
        return Ended(code, found.out, found.err)

    return call


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Print a measured figure, and keep it for the end: what a worker prints under xdist is not shown."""

    def tell(line: str) -> None:
        print(line)
        record_property("figure", line)

    return tell


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the measured figures at the end of the run, passed or not."""
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    for report in sorted(reports, key=lambda r: str(r.nodeid)):
        lines = [str(value) for name, value in getattr(report, "user_properties", []) if name == "figure"]
        if lines and getattr(report, "when", "call") == "call":
            terminalreporter.section(report.nodeid, sep="-")
            terminalreporter.line("\n".join(lines))
