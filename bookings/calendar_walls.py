"""Times as the calendar shows them: on the wall of a visit's clinic, without a zone. Never reckoned with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from accounts.hours import Span
from accounts.models import Location


def wall(at: datetime, location: Location) -> datetime:
    """The time on the clinic's wall."""
    return location.local(at).replace(tzinfo=None, fold=0)


def gaps(day: date, spans: Sequence[Span]) -> list[tuple[datetime, datetime]]:
    """What a day has besides these spans, from midnight to midnight."""
    first = datetime.combine(day, time.min)
    edges = [
        first,
        *(datetime.combine(day, edge) for span in spans for edge in span),
        first + timedelta(days=1),
    ]
    return [(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True) if start < end]
