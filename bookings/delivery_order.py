"""Which of two deliveries about one booking is the newer one. Pure.

Webhooks carry a sequence, the flat forms carry nothing, and a booking read from the provider's list carries the
number of its state (its revision) and when that came to be. For the deliveries of one booking these three grow
together, so that comparing by whichever both know is one order.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

FINAL = 2**63 - 1
"""The sequence of a cancellation that nothing can follow; never stored as Booking.provider_sequence."""
READ = -1
"""The rank of what was read from the provider's list."""
NEWS = 100
"""The rank of news in a form that carries no order; the ranks of kinds are lower."""


class Stamp(NamedTuple):
    """How new a delivery is. ``revision`` and ``at`` (when the provider made the change, aware) are None where
    it did not say.
    """

    sequence: int
    rank: int
    revision: int | None = None
    at: datetime | None = None


OLDEST = Stamp(-1, 0)


def supersedes(new: Stamp, old: Stamp) -> bool:
    """Is what carries ``new`` at least as new as what carries ``old``?

    Two that were delivered go by sequence, then by rank. Beside one that was read the revision decides, else
    the time of the change; of the same state, what was delivered counts. If nothing tells, the later arrival
    (``new``) counts.
    """
    in_line = (new.sequence, new.rank) >= (old.sequence, old.rank)
    ranks = {new.rank, old.rank}
    if {OLDEST.sequence, FINAL} & {new.sequence, old.sequence} or not {READ, NEWS} & ranks:
        return in_line
    if new.revision is not None and old.revision is not None:
        if new.revision != old.revision:
            return new.revision > old.revision
        return old.rank == READ if READ in ranks else in_line
    if READ not in ranks:
        return in_line
    if new.at is not None and old.at is not None:
        return new.at > old.at or (new.at == old.at and old.rank == READ)
    return True


def stored(stamp: Stamp) -> list[object]:
    """As it is kept in a row."""
    if stamp.revision is None and stamp.at is None:
        return [stamp.sequence, stamp.rank]
    at = None if stamp.at is None else stamp.at.astimezone(UTC).isoformat()
    return [stamp.sequence, stamp.rank, stamp.revision, at]


def restored(kept: object) -> Stamp:
    """What `stored` made."""
    assert isinstance(kept, Sequence)
    sequence, rank, *more = kept
    revision, at = more or (None, None)
    return Stamp(
        int(sequence),
        int(rank),
        None if revision is None else int(revision),
        None if at is None else datetime.fromisoformat(str(at)),
    )
