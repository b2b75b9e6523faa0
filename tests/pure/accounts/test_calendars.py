"""Countries, zones and public holidays by name."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from accounts import calendars


@pytest.mark.parametrize(
    ("country", "some"),
    [("AU", "Australia/Sydney"), ("US", "America/New_York"), ("CA", "America/Vancouver")],
)
def test_a_country_has_its_own_zones_and_no_others(country: str, some: str) -> None:
    zones = calendars.zones(country)
    assert some in zones
    assert list(zones) == sorted(set(zones))
    assert all(ZoneInfo(zone) for zone in zones)
    assert "Europe/Berlin" not in zones


def test_an_unknown_country_has_no_zones_and_no_states() -> None:
    assert calendars.zones("XX") == ()
    assert calendars.states("XX") == {}


def test_states_go_by_their_names() -> None:
    assert calendars.states("AU")["NSW"] == "New South Wales"
    assert calendars.states("US")["CA"] == "California"


@pytest.mark.parametrize(
    ("country", "state", "known"),
    [("AU", "", True), ("AU", "NSW", True), ("AU", "ZZ", False), ("XX", "", False)],
)
def test_a_calendar_is_known_by_country_and_state(country: str, state: str, known: bool) -> None:
    assert calendars.is_known(country, state) is known


def test_the_next_closed_days_are_holidays_and_own_days_in_order() -> None:
    own = [date(2026, 12, 24), date(2026, 11, 1), date(2030, 1, 1)]
    days = calendars.next_closed_days("AU", "NSW", own, date(2026, 12, 24), count=3)
    assert [day for day, _ in days] == [date(2026, 12, 24), date(2026, 12, 25), date(2026, 12, 26)]
    assert [why for _, why in days][:2] == ["Own closing day", "Christmas Day"]


@pytest.mark.parametrize(("country", "state"), [("", ""), ("AU", "ZZ"), ("XX", "")])
def test_without_a_calendar_only_own_days_count(country: str, state: str) -> None:
    own = [date(2026, 12, 24)]
    assert calendars.next_closed_days(country, state, own, date(2026, 12, 1)) == [
        (date(2026, 12, 24), "Own closing day")
    ]


def test_a_day_of_ones_own_on_a_holiday_keeps_the_holidays_name() -> None:
    [found] = calendars.next_closed_days("AU", "", [date(2026, 12, 25)], date(2026, 12, 25), count=1)
    assert found == (date(2026, 12, 25), "Christmas Day")
