"""What staff do to visits, and how it is taken back: outcomes, arrivals, cancellations, moves.

Moving a visit back, and bringing a cancelled one back, are acts of their own: the patient hears of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from accounts import desk_actions
from accounts.desk_kinds import Doing, Kind, State, back_one_by_one, kinds, one_by_one
from accounts.models import DeskAction, User
from bookings import moves, visits
from bookings.commands import OutcomeChange
from bookings.locks import bookings_for_update
from bookings.models import Booking, Practitioner, Room
from core.errors import DomainError, Invalid, NotFound

OUTCOME = "bookings.outcome"
ARRIVED = "bookings.arrived"
CONFIRM = "bookings.confirm"
CANCEL = "bookings.cancel"
MOVE = "bookings.move"

_OUTCOMES = {"attended": "Attended", "no_show": "Did not attend", "none": "Outcome taken back"}
#: What a press on a visit does, and how it is said of the person.
PRESSES: dict[str, tuple[str, dict[str, str], str]] = {
    "arrived": (ARRIVED, {}, "is here."),
    "confirm": (CONFIRM, {}, "said yes to this time."),
    "attended": (OUTCOME, {"outcome": "attended"}, "attended."),
    "no_show": (OUTCOME, {"outcome": "no_show"}, "did not attend."),
    "clear": (OUTCOME, {"outcome": "none"}, "has no outcome any more."),
}


def press(visit: Booking, what: str, user: User) -> tuple[DeskAction, str]:
    """Do one of `PRESSES` to a visit; the act, and what to say. Raises what refuses it, Invalid for another word."""
    if what not in PRESSES:
        raise Invalid(f"Use one of: {', '.join(PRESSES)}.", fields={"move": "unknown"})
    kind, parameters, words = PRESSES[what]
    action = desk_actions.do_one(
        kind, location=visit.location, user=user, item=visit.pk, parameters=parameters
    )
    return action, f"{visit.contact.name or 'This person'} {words}"


def _lock(ids: Sequence[int]) -> None:
    bookings_for_update(Booking.objects.filter(pk__in=ids).values_list("pk", flat=True))


def _contacts(ids: Sequence[int]) -> dict[int, int]:
    return dict(Booking.objects.filter(pk__in=ids).values_list("pk", "contact_id"))


def _read(*names: str) -> Any:
    """A reader of these columns; times as text."""

    def read(ids: Sequence[int]) -> dict[int, State]:
        rows = Booking.objects.filter(pk__in=ids).values("pk", *names)
        return {row["pk"]: {name: _plain(row[name]) for name in names} for row in rows}

    return read


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


# -- outcomes


def _record(doing: Doing, ids: Sequence[int]) -> dict[int, DomainError]:
    return _outcomes(doing, {pk: str(doing.parameters["outcome"]) for pk in ids})


def _record_back(doing: Doing, before: Mapping[int, State]) -> dict[int, DomainError]:
    return _outcomes(doing, {pk: state["outcome"] for pk, state in before.items()})


def _outcomes(doing: Doing, wanted: Mapping[int, str]) -> dict[int, DomainError]:
    results = moves.record_outcomes(
        [OutcomeChange(pk, outcome, doing.cause) for pk, outcome in wanted.items()]
    )
    return {result.booking.pk: result.error for result in results if result.error is not None}


# -- one visit


def _arrive(doing: Doing, pk: int) -> None:
    moves.arrive(booking_id=pk, cause=doing.cause)


def _arrive_back(doing: Doing, pk: int, before: State) -> None:
    moves.take_arrival_back(booking_id=pk, cause=doing.cause)


def _confirm(doing: Doing, pk: int) -> None:
    moves.confirm_booking(booking_id=pk, cause=doing.cause)


def _cancel(doing: Doing, pk: int) -> None:
    moves.cancel_booking(booking_id=pk, reason=doing.reason, cause=doing.cause)


def _cancel_back(doing: Doing, pk: int, before: State) -> None:
    visits.reinstate_booking(booking_id=pk, status=before["status"], cause=doing.cause)


def slot(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A time and its places as an act keeps them."""
    return {
        "appointment_datetime": fields["appointment_datetime"].isoformat(),
        "ends_at": fields["ends_at"].isoformat(),
        "practitioner_id": fields["practitioner"].pk if fields["practitioner"] else None,
        "room_id": fields["room"].pk if fields["room"] else None,
    }


def _move(doing: Doing, pk: int) -> None:
    visits.change_booking(booking_id=pk, fields=_fields(doing.parameters), cause=doing.cause)


def _move_back(doing: Doing, pk: int, before: State) -> None:
    visits.change_booking(booking_id=pk, fields=_fields(before), cause=doing.cause)


def _fields(kept: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "appointment_datetime": datetime.fromisoformat(kept["appointment_datetime"]),
        "ends_at": datetime.fromisoformat(kept["ends_at"]),
        "practitioner": _place(Practitioner, kept["practitioner_id"]),
        "room": _place(Room, kept["room_id"]),
    }


def _place(model: type[Practitioner] | type[Room], pk: int | None) -> Any:
    if pk is None:
        return None
    row = model._default_manager.filter(pk=pk).first()
    if row is None:
        raise NotFound(f"The {model._meta.verbose_name} is no longer there.")
    return row


def connect() -> None:
    """Called from AppConfig.ready()."""
    shared: dict[str, Any] = {
        "resource": "bookings", "model": "bookings.Booking", "lock": _lock, "contacts": _contacts,
        "related": ("contact", "location"), "title": lambda row: row.contact.name or "Unnamed",
    }  # fmt: skip
    slots = ("appointment_datetime", "ends_at", "practitioner_id", "room_id")
    made = {
        OUTCOME: Kind(
            label="Outcome of visits", read=_read("outcome"), run=_record, undo=_record_back,
            said=lambda parameters: _OUTCOMES.get(str(parameters.get("outcome")), "Outcome recorded"), **shared,
        ),
        ARRIVED: Kind(
            label="Patient arrived", read=_read("arrived_at"), run=one_by_one(_arrive),
            undo=back_one_by_one(_arrive_back), **shared,
        ),
        CONFIRM: Kind(
            label="Visit confirmed", read=_read("status"), run=one_by_one(_confirm),
            no_undo="A yes is the patient's. Move the visit if the time is not right.", **shared,
        ),
        CANCEL: Kind(
            label="Visit cancelled", read=_read("status"), run=one_by_one(_cancel),
            undo=back_one_by_one(_cancel_back), **shared,
        ),
        MOVE: Kind(
            label="Visit moved", read=_read(*slots), run=one_by_one(_move), undo=back_one_by_one(_move_back), **shared,
        ),
    }  # fmt: skip
    for name, kind in made.items():
        kinds.register(name, kind)
