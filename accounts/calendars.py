"""Countries, their time zones and public holidays, by name. Pure Python, no database."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from functools import cache
from importlib import resources

import holidays

#: Countries whose law this system knows: the ones a clinic can be in.
COUNTRIES: dict[str, str] = {"AU": "Australia", "US": "United States", "CA": "Canada"}
_LOOK_AHEAD = timedelta(days=550)


@cache
def zones(country: str) -> tuple[str, ...]:
    """Names of the time zones in use in a country, as the time zone database lists them."""
    table = resources.files("tzdata").joinpath("zoneinfo", "zone.tab").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines() if line and not line.startswith("#"))
    return tuple(sorted(row[2] for row in rows if row[0] == country))


@cache
def states(country: str) -> dict[str, str]:
    """Code and name of each part of a country that has holidays of its own; empty for an unknown country."""
    try:
        calendar = holidays.country_holidays(country)
    except NotImplementedError:
        return {}
    names = {code: name for name, code in reversed(calendar.subdivisions_aliases.items())}
    return {code: names.get(code, code) for code in calendar.subdivisions}


def is_known(country: str, state: str) -> bool:
    """Whether there is a calendar of public holidays for this country and state ("" for the whole country)."""
    try:
        holidays.country_holidays(country, subdiv=state or None)
    except NotImplementedError:
        return False
    return True


def next_closed_days(
    country: str, state: str, own_days: Iterable[date], today: date, *, count: int = 5
) -> list[tuple[date, str]]:
    """The next days, today included, on which a clinic is closed, and why; at most `count`, soonest first."""
    last = today + _LOOK_AHEAD
    found = {day: "Own closing day" for day in own_days if today <= day <= last}
    if country and is_known(country, state):
        years = range(today.year, last.year + 1)
        calendar = holidays.country_holidays(country, subdiv=state or None, years=years)
        found |= {day: name for day, name in calendar.items() if today <= day <= last}
    return sorted(found.items())[:count]
