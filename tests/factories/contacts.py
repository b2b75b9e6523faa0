"""Contacts for tests, made through the services so that their keys, events and scores are real."""

from __future__ import annotations

import itertools
from datetime import datetime
from typing import Any

from accounts.models import Location
from contacts import services
from contacts.models import Contact, Touchpoint
from core.causes import Cause

CAUSE = Cause.system("test")

_numbers = itertools.count(1)


def next_phone() -> str:
    """An Australian mobile number that no other test contact has."""
    return f"+614{next(_numbers):08d}"


def make_contact(
    location: Location, *, name: str = "Jane Doe", phone: str | None = None, is_lead: bool = False,
    source: str = "other", cause: Cause = CAUSE, **fields: Any,
) -> Contact:  # fmt: skip
    """A contact of the location; with `is_lead` one that begins as a lead."""
    values = {"name": name, "phone": next_phone() if phone is None else phone, "source": source, **fields}
    return services.create_contact(location=location, fields=values, is_lead=is_lead, cause=cause).contact


def make_member(guardian: Contact, *, name: str) -> Contact:
    """Another person of the guardian's household."""
    return services.match_or_create(
        location=guardian.location, name=name, phone=guardian.phone, source="other", cause=CAUSE
    ).contact


def log(
    contact: Contact, type: str, *, at: datetime | None = None, cause: Cause = CAUSE, **more: Any
) -> Touchpoint:
    """One touchpoint."""
    new = services.NewTouchpoint(contact.pk, type, at=at, cause=cause, **more)
    return services.log_touchpoints([new])[0]
