"""When people are told that something is bad, and that it is well again. Pure: `now` is an argument.

A check says "bad" or "well" every minute. Told is only what stays so for a while, and each once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

#: For so long a check must be bad, or well again, before anybody is told.
LASTING = timedelta(minutes=2)

News = Literal["bad", "well"]


@dataclass(frozen=True, slots=True)
class Standing:
    """How a check stands: bad or well since when (aware; never both), and when people were told that it is bad."""

    bad_since: datetime | None = None
    well_since: datetime | None = None
    told_at: datetime | None = None


def step(standing: Standing, *, ok: bool, now: datetime) -> tuple[Standing, News | None]:
    """How it stands after another look, and what people are to be told of it now."""
    if ok:
        return _well(standing, now)
    since = standing.bad_since or now
    standing = replace(standing, bad_since=since, well_since=None)
    if standing.told_at is None and now - since >= LASTING:
        return replace(standing, told_at=now), "bad"
    return standing, None


def _well(standing: Standing, now: datetime) -> tuple[Standing, News | None]:
    if standing.told_at is None:
        return Standing(), None
    since = standing.well_since or now
    if now - since >= LASTING:
        return Standing(), "well"
    return replace(standing, well_since=since), None
