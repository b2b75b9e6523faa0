"""How a provider's deliveries become one booking, whatever order they arrive in, however often.

Pure. ``merge`` takes what is stored of a booking and one delivery, and says what the row becomes and which
events to record. The caller keeps ``Merge.memory`` with the row (Booking.provider_state) and hands it back
next time.

**What does not depend on the order.** Status, time, duration and details are a function of the *set* of
deliveries:

- the delivery with the highest sequence that says so gives the state (pending, standing, cancelled), the
time, and each detail; a lower, late one only fills what nobody higher has said; - a standing booking is
``rescheduled`` when any delivery of the set moved it while it stood (it says so itself, or two deliveries
of standing bookings give different times), else ``scheduled``.

A booking that ends cancelled has recorded booking_cancelled exactly once for each time it stood (once if it
never did). One that ends standing has recorded booking_created once, and the last of booking_created and
booking_rescheduled came when the row had the time it has now.

**What may differ.** Only what was true in between is told, if it was still true on arrival: when the
cancellation arrives first, no booking_created follows; when the move arrives before the creation,
booking_created is recorded with the right time and no booking_rescheduled, although the status says
rescheduled either way.

**Forms without a sequence** (simple JSON, Wix Automations): ``created`` is older than everything else, a
cancellation is final for that booking, and anything else is news that counts from its arrival, because
nothing in it says which of two is later. A move is then told by a time that differs from the one known.

**Bookings read from the provider's list** (``read``) have no sequence either: they are what the booking was when it
was read. Beside a delivery they are ordered by the booking's revision, else by the time of the change; of the
same revision both say the same, and the delivery counts. Where neither is known, what arrives later counts.

**What was done here** is kept where the provider does not contradict it: a patient's yes stands until the
time changes; a visit with an outcome keeps its status and time; a booking cancelled here comes back only by
a newer delivery that says it was confirmed or moved, or that it stands for the first time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from bookings import delivery_order
from bookings.delivery_order import FINAL, NEWS, OLDEST, READ, Stamp, supersedes
from bookings.lifecycle import CANCELLED, CONFIRMED, NO_OUTCOME, PENDING, RESCHEDULED, SCHEDULED, STANDING

Value: TypeAlias = str | int | None

BOOKING_CREATED = "booking_created"
BOOKING_RESCHEDULED = "booking_rescheduled"
BOOKING_CANCELLED = "booking_cancelled"

STANDS = "stands"
"""The state behind scheduled, confirmed and rescheduled, as a provider knows it."""

_STATES = {
    "CREATED": PENDING,
    "PENDING": PENDING,
    "WAITING_LIST": PENDING,
    "CONFIRMED": STANDS,
    "SCHEDULED": STANDS,
    "RESCHEDULED": STANDS,
    "CANCELED": CANCELLED,
    "CANCELLED": CANCELLED,
    "DECLINED": CANCELLED,
}
_STATE_OF_KIND = {
    "confirmed": STANDS,
    "canceled": CANCELLED,
    "declined": CANCELLED,
    "markedAsPending": PENDING,
}
_KINDS_IN_ORDER = (
    "created",
    "updated",
    "number_of_participants_updated",
    "markedAsPending",
    "confirmed",
    "rescheduled",
    "declined",
    "canceled",
)
KINDS = frozenset(_KINDS_IN_ORDER)
_REVIVING = frozenset({"confirmed", "rescheduled"})


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery. ``kind`` and ``status`` are the provider's words; None or "" means it did not say.

    ``snapshot`` is True for the forms whose status is the provider's own booking status (Wix's JWT); False
    for those of which ``created`` alone means that the visit stands (simple JSON, Automations). Details are
    ids and codes. ``revision`` numbers the states of the booking at the provider, ``at`` is when this one came to
    be, ``read`` is True for a booking read from the provider's list.
    """

    kind: str
    sequence: int | None = None
    status: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    details: Mapping[str, Value] = field(default_factory=dict)
    snapshot: bool = True
    revision: int | None = None
    at: datetime | None = None
    read: bool = False


@dataclass(frozen=True, slots=True)
class Memory:
    """What merging remembers of the deliveries of one booking, beside its row. No personal data.

    ``state`` and its stamp: what the newest delivery said; ``sequence`` and ``revision``: the highest seen;
    ``moved``: a delivery moved it while it stood; ``stood``: booking_created was recorded; ``cancel_told``:
    booking_cancelled was, and it has not stood since; ``told``: the time it last stood at; ``first_time``:
    the first time seen of it standing; ``stamps``: how new each field is.
    """

    state: str = ""
    state_stamp: Stamp = OLDEST
    sequence: int | None = None
    moved: bool = False
    stood: bool = False
    cancel_told: bool = False
    told: datetime | None = None
    first_time: datetime | None = None
    stamps: Mapping[str, Stamp] = field(default_factory=dict)
    revision: int | None = None

    def as_json(self) -> dict[str, object]:
        """As it is kept in the row."""
        return {
            "state": self.state,
            "state_stamp": delivery_order.stored(self.state_stamp),
            "sequence": self.sequence,
            "moved": self.moved,
            "stood": self.stood,
            "cancel_told": self.cancel_told,
            "told": _iso(self.told),
            "first_time": _iso(self.first_time),
            "stamps": {name: delivery_order.stored(stamp) for name, stamp in self.stamps.items()},
            "revision": self.revision,
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, object]) -> Memory:
        """What as_json wrote; an empty mapping is the memory of a booking that no delivery spoke of."""
        if not kept:
            return cls()
        stamps = kept["stamps"]
        assert isinstance(stamps, Mapping)
        return cls(
            state=str(kept["state"]),
            state_stamp=delivery_order.restored(kept["state_stamp"]),
            sequence=None if kept["sequence"] is None else int(str(kept["sequence"])),
            moved=bool(kept["moved"]),
            stood=bool(kept["stood"]),
            cancel_told=bool(kept["cancel_told"]),
            told=_time_from(kept["told"]),
            first_time=_time_from(kept["first_time"]),
            stamps={str(name): delivery_order.restored(stamp) for name, stamp in stamps.items()},
            revision=None if kept.get("revision") is None else int(str(kept["revision"])),
        )


@dataclass(frozen=True, slots=True)
class Stored:
    """What is stored of a booking; the defaults are those of one that is not there yet.

    ``ever_stood`` comes from the row (became_live_at is set), so that a visit made here counts too.
    """

    status: str = ""
    outcome: str = NO_OUTCOME
    starts_at: datetime | None = None
    duration: timedelta | None = None
    details: Mapping[str, Value] = field(default_factory=dict)
    ever_stood: bool = False
    memory: Memory = field(default_factory=Memory)


@dataclass(frozen=True, slots=True)
class Fact:
    """An event to record. ``old`` and ``new`` are the times of a booking_rescheduled, None otherwise."""

    name: str
    old: datetime | None = None
    new: datetime | None = None


@dataclass(frozen=True, slots=True)
class Merge:
    """What a booking becomes by a delivery.

    ``duration`` None leaves the end to the service's duration. ``starts_at`` None means that nobody has
    said when: the row cannot be made yet, and the delivery waits. ``changed`` names what differs from the
    stored row; ``reason`` says in plain words what the delivery did.
    """

    status: str
    starts_at: datetime | None
    duration: timedelta | None
    details: Mapping[str, Value]
    changed: tuple[str, ...]
    facts: tuple[Fact, ...]
    memory: Memory
    reason: str

    @property
    def ends_at(self) -> datetime | None:
        """The end where a delivery gave one."""
        if self.starts_at is None or self.duration is None:
            return None
        return self.starts_at + self.duration


def merge(stored: Stored, delivery: Delivery) -> Merge:
    """Fold one delivery into a booking.

    See the module's text for what holds. Raises ValueError for another kind.
    """
    if delivery.kind not in KINDS:
        raise ValueError(
            f"There is no delivery {delivery.kind!r}. The kinds are: {', '.join(_KINDS_IN_ORDER)}."
        )
    if stored.outcome != NO_OUTCOME:
        delivery = replace(delivery, starts_at=None, ends_at=None)
    stamp = _stamp(stored.memory, delivery)
    starts_at, duration, details, stamps = _fold_fields(stored, delivery, stamp)
    if starts_at is None:
        return _waiting(stored)
    memory = _remember(stored.memory, delivery, stamp, stamps)
    verdict = _decide(
        stored, delivery, memory, starts_at, newest=supersedes(stamp, stored.memory.state_stamp)
    )
    return Merge(
        status=verdict.status,
        starts_at=starts_at,
        duration=duration,
        details=details,
        changed=_changed(stored, verdict.status, starts_at, duration, details),
        facts=verdict.facts,
        memory=verdict.memory,
        reason=verdict.reason,
    )


def _waiting(stored: Stored) -> Merge:
    reason = "No delivery has said when the visit is, so it waits for one that does."
    return Merge(stored.status, None, stored.duration, stored.details, (), (), stored.memory, reason)


def _stamp(memory: Memory, delivery: Delivery) -> Stamp:
    if delivery.read:
        return Stamp(memory.sequence or 0, READ, delivery.revision, delivery.at)
    if delivery.sequence is not None:
        rank = _KINDS_IN_ORDER.index(delivery.kind)
        return Stamp(delivery.sequence, rank, delivery.revision, delivery.at)
    if _state(delivery) == CANCELLED:
        return Stamp(FINAL, 0)
    if delivery.kind == "created":
        return OLDEST
    return Stamp(memory.sequence or 0, NEWS, memory.revision, delivery.at)


def _state(delivery: Delivery) -> str:
    """The state a delivery tells: by its kind where that says it all, else by its status; "" for none."""
    told = _STATES.get(delivery.status.upper(), "")
    if delivery.kind in _STATE_OF_KIND:
        return _STATE_OF_KIND[delivery.kind]
    if delivery.kind == "created":
        stands = not delivery.snapshot and told != CANCELLED
        return STANDS if stands else told or PENDING
    if delivery.kind == "rescheduled":
        return told or STANDS
    return told


def _fold_fields(
    stored: Stored, delivery: Delivery, stamp: Stamp
) -> tuple[datetime | None, timedelta | None, dict[str, Value], dict[str, Stamp]]:
    """Each field from the newest delivery that gave it; what is missing is filled by any."""
    stamps = dict(stored.memory.stamps)

    def newer(name: str, *, missing: bool) -> bool:
        is_newer = supersedes(stamp, stamps.get(name, OLDEST))
        if is_newer:
            stamps[name] = stamp
        return is_newer or missing

    starts_at, duration, details = stored.starts_at, stored.duration, dict(stored.details)
    if delivery.starts_at is not None and newer("starts_at", missing=starts_at is None):
        starts_at = delivery.starts_at
    given = _duration(delivery)
    if given is not None and newer("duration", missing=duration is None):
        duration = given
    for name, value in delivery.details.items():
        if value not in (None, "") and newer(name, missing=details.get(name) in (None, "")):
            details[name] = value
    return starts_at, duration, details, stamps


def _duration(delivery: Delivery) -> timedelta | None:
    """How long the visit lasts; None where the delivery does not say, or its end is not after its start."""
    if delivery.starts_at is None or delivery.ends_at is None or delivery.ends_at <= delivery.starts_at:
        return None
    return delivery.ends_at - delivery.starts_at


def _remember(memory: Memory, delivery: Delivery, stamp: Stamp, stamps: Mapping[str, Stamp]) -> Memory:
    """The memory with a delivery added, before it is decided what that means."""
    state = _state(delivery)
    if state and supersedes(stamp, memory.state_stamp):
        memory = replace(memory, state=state, state_stamp=stamp)
    if delivery.sequence is not None:
        memory = replace(memory, sequence=max(delivery.sequence, memory.sequence or 0))
    if delivery.revision is not None:
        memory = replace(memory, revision=max(delivery.revision, memory.revision or 0))
    if state == STANDS or (not state and not delivery.snapshot):
        first_time = memory.first_time or delivery.starts_at
        differs = delivery.starts_at is not None and delivery.starts_at != first_time
        moved = memory.moved or delivery.kind == "rescheduled" or differs
        memory = replace(memory, first_time=first_time, moved=moved)
    return replace(memory, stamps=stamps)


@dataclass(frozen=True, slots=True)
class _Verdict:
    status: str
    memory: Memory
    reason: str
    facts: tuple[Fact, ...] = ()


def _decide(
    stored: Stored, delivery: Delivery, memory: Memory, starts_at: datetime, *, newest: bool
) -> _Verdict:
    """What the set of deliveries, and what was done here, mean for the row."""
    if stored.outcome != NO_OUTCOME:
        return _Verdict(stored.status, memory, "The visit has an outcome, so its status and time stay.")
    memory = replace(
        memory,
        stood=memory.stood or stored.ever_stood or stored.status in STANDING,
        cancel_told=memory.cancel_told or stored.status == CANCELLED,
        told=stored.starts_at if stored.status in STANDING else memory.told,
    )
    cancelled_here = stored.status == CANCELLED and stored.memory.state != CANCELLED
    if cancelled_here and not (newest and _revives(delivery, memory)):
        return _Verdict(CANCELLED, memory, "It was cancelled here, and this does not bring it back.")
    if memory.state == CANCELLED:
        if memory.cancel_told:
            return _Verdict(CANCELLED, memory, "It is cancelled already.")
        memory = replace(memory, cancel_told=True)
        return _Verdict(CANCELLED, memory, "The provider cancelled it.", (Fact(BOOKING_CANCELLED),))
    if memory.state == PENDING or (not memory.state and delivery.snapshot):
        return _Verdict(PENDING, memory, "The provider has not confirmed it.")
    return _stand(stored, memory, starts_at)


def _revives(delivery: Delivery, memory: Memory) -> bool:
    """May a newer delivery bring back what was cancelled here? One that was read says that the visit was moved by
    another time than it stood at.
    """
    moved = delivery.read and delivery.starts_at not in (None, memory.told)
    return _state(delivery) == STANDS and (delivery.kind in _REVIVING or moved or not memory.stood)


def _stand(stored: Stored, memory: Memory, starts_at: datetime) -> _Verdict:
    """The booking stands: which of the three statuses, and what is new about it."""
    told = memory.told
    changed = told is not None and starts_at != told
    moved = memory.moved or changed or stored.status == RESCHEDULED
    status = RESCHEDULED if moved else SCHEDULED
    if stored.status == CONFIRMED and not changed:
        status = CONFIRMED
    after = replace(memory, moved=moved, stood=True, cancel_told=False, told=starts_at)
    if not memory.stood:
        return _Verdict(status, after, "It stands for the first time.", (Fact(BOOKING_CREATED),))
    if stored.status == CANCELLED:
        return _Verdict(status, after, "It stands again.", (Fact(BOOKING_RESCHEDULED, told, starts_at),))
    if changed:
        return _Verdict(status, after, "It has a new time.", (Fact(BOOKING_RESCHEDULED, told, starts_at),))
    return _Verdict(status, after, "It stands as before.")


def _changed(
    stored: Stored,
    status: str,
    starts_at: datetime,
    duration: timedelta | None,
    details: Mapping[str, Value],
) -> tuple[str, ...]:
    """What differs from the stored row: status, then times, then details by name."""
    differs = {
        "status": status != stored.status,
        "starts_at": starts_at != stored.starts_at,
        "duration": duration != stored.duration,
    }
    details_changed = sorted(name for name, value in details.items() if stored.details.get(name) != value)
    return (*(name for name, is_other in differs.items() if is_other), *details_changed)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat()


def _time_from(kept: object) -> datetime | None:
    return None if kept is None else datetime.fromisoformat(str(kept))
