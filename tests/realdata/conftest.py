"""The figures that these tests measure, told at the end of the run, passed or not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

HERE = "tests/realdata/"


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Print a line, and keep it for the end: what a worker prints under xdist is not shown."""

    def tell(line: str) -> None:
        print(line)
        record_property("figure", line)

    return tell


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    for report in sorted((r for r in reports if r.nodeid.startswith(HERE)), key=lambda r: str(r.nodeid)):
        lines = [str(value) for name, value in report.user_properties if name == "figure"]
        if lines:
            terminalreporter.section(report.nodeid.removeprefix(HERE), sep="-")
            terminalreporter.line("\n".join(lines))
