"""The time, length and place of a visit as typed or dropped, and what would come of them: what speaks against it,
the nearest free times where it is refused, and what it would send.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet

from accounts.models import Location
from bookings import availability, overlap, previews
from bookings.availability import Busy, Place
from bookings.calendar_walls import wall
from bookings.models import LIVE, Booking, Practitioner, Room, Service
from bookings.previews import Foretold
from core import clock, localtime
from core.errors import Conflict, DomainError

LONGEST_MINUTES = 600
#: No service's buffer keeps more than this free.
LONGEST_BUFFER = timedelta(hours=8)


def styled(widget: forms.Widget, **attrs: Any) -> forms.Widget:
    widget.attrs |= {"class": "dk-field", **attrs}
    return widget


class SlotForm(forms.Form):
    """When, how long, with whom and where; times are on the clinic's clock."""

    date = forms.DateField(label="Day", widget=styled(forms.DateInput({"type": "date"}, "%Y-%m-%d")))
    time = forms.TimeField(label="Time", widget=styled(forms.TimeInput({"type": "time"}, "%H:%M")))
    minutes = forms.IntegerField(
        label="Minutes", min_value=5, max_value=LONGEST_MINUTES, widget=styled(forms.NumberInput(), step=5)
    )
    practitioner = forms.ModelChoiceField(
        Practitioner.objects.none(), required=False, to_field_name="public_id", label="Practitioner",
        empty_label="Nobody in particular", widget=styled(forms.Select()),
    )  # fmt: skip
    room = forms.ModelChoiceField(
        Room.objects.none(), required=False, to_field_name="public_id", label="Room", empty_label="No room",
        widget=styled(forms.Select()),
    )  # fmt: skip

    def __init__(self, location: Location, data: Mapping[str, Any], *, visit: Booking | None = None) -> None:
        super().__init__(data, label_suffix="")
        self.location = location
        in_use = Q(location=location, is_active=True)
        # Who has left, and a room that is closed, may keep a visit.
        people = in_use | Q(pk=(visit and visit.practitioner_id) or 0)
        rooms = in_use | Q(pk=(visit and visit.room_id) or 0)
        self.fields["practitioner"].queryset = Practitioner.objects.filter(people).order_by("name")  # type: ignore[attr-defined]
        self.fields["room"].queryset = Room.objects.filter(rooms).order_by("name")  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data = dict(super().clean() or {})
        if data.get("date") and data.get("time") and not 2000 <= data["date"].year <= 2100:
            raise ValidationError({"date": "Choose a day of this century."})
        if data.get("date") and data.get("time") and data.get("minutes"):
            data["at"] = localtime.to_utc(datetime.combine(data["date"], data["time"]), self.location.zone)
            data["ends_at"] = data["at"] + timedelta(minutes=data["minutes"])
        return data


def with_slot(given: Mapping[str, Any], start: Mapping[str, Any]) -> dict[str, Any]:
    """What a form is bound to: what was given, where nothing was what it starts with. `at` and `pick` (a suggested
    time) stand for day and time together.
    """
    data = {**start, **{name: given.get(name) for name in given if name != "csrfmiddlewaretoken"}}
    at = given.get("pick") or given.get("at") or ""
    if len(at) >= 16:
        data["date"], data["time"] = at[:10], at[11:16]
    return data


@dataclass
class Look:
    """What would come of a slot. `refusal` says why it cannot be had, `free` are times near it that can."""

    refusal: str = ""
    warnings: list[str] = field(default_factory=list)
    free: list[datetime] = field(default_factory=list)
    foretold: Foretold | None = None


def look(
    act: Callable[[], Sequence[Booking]],
    slot: Mapping[str, Any],
    location: Location,
    *,
    service: Service,
    contact_id: int | None,
    visit: Booking | None = None,
) -> Look:
    """Try an act and take it back: what it would cause, or why it is refused."""
    answer = Look(warnings=warnings(slot, location, service=service, contact_id=contact_id, visit=visit))
    try:
        answer.foretold = previews.foretell(act, contact_ids=[contact_id] if contact_id else [])
    except DomainError as error:
        explain(answer, error, slot, location, service=service, visit=visit)
    return answer


def explain(
    answer: Look,
    error: DomainError,
    slot: Mapping[str, Any],
    location: Location,
    *,
    service: Service,
    visit: Booking | None = None,
) -> None:
    """Put a refusal into words; of a taken time who has it, and the nearest free times."""
    details = [wrong for found in error.fields.values() for wrong in found if wrong not in error.message]
    answer.refusal = " ".join([error.message, *details])
    if isinstance(error, Conflict) and error.code == "overlap":
        answer.refusal = " ".join(_who_has_it(slot, location, visit)) or error.message
        answer.free = _free_near(slot, location, service=service, visit=visit)


def _who_has_it(slot: Mapping[str, Any], location: Location, visit: Booking | None) -> list[str]:
    told = []
    for name in ("practitioner", "room"):
        place = slot.get(name)
        rows = _taken({name: place}, visit, start=slot["at"], end=slot["ends_at"]).select_related("contact")
        other = rows.order_by("appointment_datetime").first()
        if other is not None:
            start, end = location.local(other.appointment_datetime), location.local(other.ends_at)
            told.append(
                f"{place} is taken from {start:%H:%M} to {end:%H:%M}: {other.contact.name or 'unnamed'}."
            )
    return told


def _taken(
    slot: Mapping[str, Any], visit: Booking | None, *, start: datetime, end: datetime
) -> QuerySet[Booking]:
    """The visits, but for this one, that have the slot's practitioner or room between these instants."""
    person, room = slot.get("practitioner"), slot.get("room")
    rows = overlap.taken(
        practitioner=person.pk if person else None, room=room.pk if room else None, start=start, end=end
    )
    return rows.exclude(pk=visit.pk) if visit else rows


def _free_near(
    slot: Mapping[str, Any], location: Location, *, service: Service, visit: Booking | None = None
) -> list[datetime]:
    """The nearest times (on the clinic's clock, without a zone) at which practitioner and room are free."""
    now = clock.now()
    start = max(slot["at"], now) - timedelta(days=1)
    rows = _taken(slot, visit, start=start, end=start + timedelta(days=availability.DAYS + 2))
    busy = [
        (begins, ends + timedelta(minutes=buffer))
        for begins, ends, buffer in rows.values_list(
            "appointment_datetime", "ends_at", "service__buffer_minutes"
        )
    ]
    place = _place(slot, location, busy)
    found = availability.free_times(
        slot["at"],
        slot["ends_at"] - slot["at"],
        place,
        now=now,
        buffer=timedelta(minutes=service.buffer_minutes),
    )
    return [wall(at, location) for at in found]


def _place(slot: Mapping[str, Any], location: Location, busy: Sequence[Busy] = ()) -> Place:
    person = slot.get("practitioner")
    return Place(location.hours, availability.read_roster(person.roster) if person else (), busy)


def warnings(
    slot: Mapping[str, Any],
    location: Location,
    *,
    service: Service,
    contact_id: int | None,
    visit: Booking | None = None,
) -> list[str]:
    """What a person should know before this slot is taken, although it can be."""
    person, room = slot.get("practitioner"), slot.get("room")
    day = slot["at"].astimezone(location.zone).date()
    place = _place(slot, location)
    told = availability.objections(
        slot["at"], slot["ends_at"], place, who=str(person or ""), closed=location.hours.holiday(day)
    )
    for row in (person, room):
        if row is not None and row.services.exists() and not row.services.filter(pk=service.pk).exists():
            told.append(f"{row} is not down for {service}.")
    told += _buffers(slot, location, service=service, visit=visit)
    if contact_id:
        same = Booking.objects.filter(
            contact_id=contact_id, status__in=LIVE, outcome="none",
            appointment_datetime__lt=slot["ends_at"], ends_at__gt=slot["at"],
        )  # fmt: skip
        if same.exclude(pk=visit.pk if visit else 0).exists():
            told.append("This person has another visit at that time.")
    return told


def _buffers(
    slot: Mapping[str, Any], location: Location, *, service: Service, visit: Booking | None
) -> list[str]:
    """Time to be kept free after a visit: after the one before, and after this one."""
    own = timedelta(minutes=service.buffer_minutes)
    near = _taken(slot, visit, start=slot["at"] - LONGEST_BUFFER, end=slot["ends_at"] + own)
    told = []
    for other in near.select_related("service").order_by("ends_at"):
        rest = timedelta(minutes=other.service.buffer_minutes)
        if other.ends_at <= slot["at"] < other.ends_at + rest:
            until = location.local(other.ends_at + rest)
            told.append(f"The time until {until:%H:%M} is kept free after the visit before.")
        if slot["ends_at"] <= other.appointment_datetime < slot["ends_at"] + own:
            told.append(
                f"{service} keeps {service.buffer_minutes} minutes free; the next visit begins sooner."
            )
    return told
