from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from core.errors import Invalid
from tasks import snoozing

SYDNEY = ZoneInfo("Australia/Sydney")


def at(text: str) -> datetime:
    """A wall-clock time in Sydney as an instant."""
    return datetime.fromisoformat(text).replace(tzinfo=SYDNEY).astimezone(UTC)


@pytest.mark.parametrize(
    ("choice", "back"),
    [
        ("hour", "2026-03-04T13:30"),
        ("afternoon", "2026-03-04T15:00"),
        ("tomorrow", "2026-03-05T09:00"),
        ("week", "2026-03-09T09:00"),
    ],
)
def test_a_wednesday_noon_is_put_off_until(choice: str, back: str) -> None:
    assert snoozing.until(choice, now=at("2026-03-04T12:30"), zone=SYDNEY) == at(back)


@pytest.mark.parametrize("now", ["2026-03-08T22:00", "2026-03-02T00:00"])
def test_next_week_is_never_today(now: str) -> None:
    back = snoozing.until("week", now=at(now), zone=SYDNEY)
    assert back == at("2026-03-09T09:00")


@pytest.mark.parametrize("night", ["2026-04-04T20:00", "2026-10-03T20:00"])
def test_tomorrow_is_nine_on_the_clinics_clock_the_night_the_clocks_change(night: str) -> None:
    """2026-04-05 has 25 hours in Sydney and 2026-10-04 has 23."""
    back = snoozing.until("tomorrow", now=at(night), zone=SYDNEY).astimezone(SYDNEY)
    assert (back.hour, back.minute, back.day) == (9, 0, at(night).astimezone(SYDNEY).day + 1)


def test_an_hour_is_an_hour_when_the_clocks_go_back() -> None:
    now = datetime(2026, 4, 4, 15, 30, tzinfo=UTC)
    assert (snoozing.until("hour", now=now, zone=SYDNEY) - now).total_seconds() == 3600


@pytest.mark.parametrize("now", ["2026-03-04T15:00", "2026-03-04T18:00"])
def test_an_afternoon_that_has_begun_is_neither_offered_nor_taken(now: str) -> None:
    assert "afternoon" not in dict(snoozing.offered(now=at(now), zone=SYDNEY))
    with pytest.raises(Invalid, match="has begun"):
        snoozing.until("afternoon", now=at(now), zone=SYDNEY)


def test_every_preset_that_is_offered_can_be_taken() -> None:
    now = at("2026-03-04T14:59")
    offered = dict(snoozing.offered(now=now, zone=SYDNEY))
    assert offered == snoozing.PRESETS
    assert all(snoozing.until(choice, now=now, zone=SYDNEY) > now for choice in offered)


def test_an_unknown_choice_is_refused_by_name() -> None:
    with pytest.raises(Invalid, match="tomorrow"):
        snoozing.until("someday", now=at("2026-03-04T12:00"), zone=SYDNEY)
