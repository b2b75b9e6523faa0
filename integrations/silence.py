"""Whether a provider has gone silent: nothing came from it for far longer than is usual. Pure.

Gaps are counted in opening hours, because nights and Sundays are quiet everywhere. What is usual is not the mean,
which a single busy hour pulls down, but the gap that nine in ten of the last ones stay below.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

#: As many of the last deliveries are looked at.
LAST = 60
#: Fewer than this say nothing about what is usual.
FEWEST = 20
#: An account that has been silent for so long has been given up; nobody is told of it any more.
GIVEN_UP = timedelta(days=30)
#: However busy an account is, so much silence in opening hours is nothing.
SHORTEST = timedelta(minutes=30)
TIMES = 3

OpenBetween = Callable[[datetime, datetime], timedelta]


@dataclass(frozen=True, slots=True)
class Hearing:
    """What was heard from an account: its last delivery (aware), the gap that is usual and the present one, both in
    opening hours; `usual` is None while too little was heard to tell.
    """

    last: datetime | None
    usual: timedelta | None = None
    gap: timedelta = timedelta()

    @property
    def silent(self) -> bool:
        """Whether the present gap is more than three times the usual one."""
        return self.usual is not None and self.gap > max(TIMES * self.usual, SHORTEST)


def hearing(moments: Sequence[datetime], *, open_between: OpenBetween, now: datetime) -> Hearing:
    """What the last deliveries of an account, newest first, say at `now`. `open_between` counts opening hours."""
    if not moments:
        return Hearing(None)
    last = moments[0]
    if len(moments) < FEWEST or now - last > GIVEN_UP:
        return Hearing(last)
    gaps = sorted(open_between(before, after) for after, before in pairwise(moments))
    return Hearing(last, gaps[len(gaps) * 9 // 10], open_between(last, now))
