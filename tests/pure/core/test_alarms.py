from __future__ import annotations

from datetime import UTC, datetime, timedelta

from core.alarms import News, Standing, step

START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


def told(*looks: bool) -> list[News | None]:
    """What is told when a check is looked at every minute and is found well or not."""
    standing, news = Standing(), []
    for minute, ok in enumerate(looks):
        standing, said = step(standing, ok=ok, now=START + timedelta(minutes=minute))
        news.append(said)
    return news


def test_what_is_well_is_not_told() -> None:
    assert told(True, True, True) == [None] * 3


def test_what_stays_bad_for_two_minutes_is_told_once() -> None:
    assert told(False, False, False, False, False) == [None, None, "bad", None, None]


def test_what_was_bad_for_a_moment_is_not_told() -> None:
    assert told(False, False, True, False, False, True) == [None] * 6


def test_what_is_well_again_for_two_minutes_is_told_once() -> None:
    assert told(False, False, False, True, True, True, True)[3:] == [None, None, "well", None]


def test_what_is_well_for_a_moment_is_still_bad() -> None:
    assert told(False, False, False, True, False, False, False, True, True, True)[3:] == [
        None, None, None, None, None, None, "well",
    ]  # fmt: skip


def test_what_goes_bad_again_is_told_again() -> None:
    news = told(*[False] * 3, *[True] * 3, *[False] * 3)
    assert [said for said in news if said] == ["bad", "well", "bad"]
