"""What the view keeps in memory, and works out in the background."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from lqmodel.web import kept as keeping
from lqmodel.web.kept import TIMES, Jobs, Kept, Lasting

SOON = 5.0


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as made:
        yield made


def test_only_the_latest_answers_are_kept() -> None:
    kept: Kept[int] = Kept(2)
    for n in range(3):
        kept.put((n,), n)
    assert [kept.known((n,)) for n in range(3)] == [None, 1, 2]


def test_an_answer_is_forgotten_unless_another_took_its_place() -> None:
    kept: Kept[str] = Kept()
    first, second = "first", "second"
    kept.put((1,), first)
    kept.put((1,), second)
    kept.drop((1,), first)
    assert kept.known((1,)) == second
    kept.drop((1,), second)
    assert kept.known((1,)) is None


def test_work_is_begun_once_for_all_who_wait(pool: ThreadPoolExecutor) -> None:
    jobs: Jobs[int] = Jobs(pool)
    go, begun = threading.Event(), []

    def work() -> int:
        begun.append(1)
        assert go.wait(SOON)
        return 7

    for _ in range(2):
        with pytest.raises(TimeoutError):
            jobs.get(("a",), work, 0.01)
    go.set()
    assert [jobs.get(("a",), work, SOON) for _ in range(2)] == [7, 7]
    assert len(begun) == 1


def test_work_that_failed_says_so_and_begins_again(pool: ThreadPoolExecutor) -> None:
    jobs: Jobs[int] = Jobs(pool)

    def fails() -> int:
        raise OSError("the database is away")

    with pytest.raises(OSError, match="away"):
        jobs.get(("a",), fails, SOON)
    assert jobs.get(("a",), lambda: 7, SOON) == 7


@pytest.mark.parametrize(("took", "asked_for"), [(0.1, 3), (1.0, 1)])
def test_what_took_long_stands_for_a_while(
    took: float, asked_for: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, made = [0.0], []

    def work() -> int:
        clock[0] += took
        made.append(1)
        return len(made)

    monkeypatch.setattr(keeping.time, "perf_counter", lambda: clock[0])
    lasting: Lasting[int] = Lasting()
    for now in (0, 1, TIMES * 1_000_000 - 1):
        lasting.get(("a",), now, work)
    assert len(made) == asked_for
    assert lasting.get(("a",), TIMES * 1_000_000, work) == asked_for + 1, "its time is over"
    assert lasting.get(("b",), TIMES * 1_000_000, work) == asked_for + 2, "another question"
    assert lasting.get(("b",), 0, work) == asked_for + 3, "a clock that was set back"
