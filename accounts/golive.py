"""Automation off, in shadow, or live: the switch of a clinic, and what going live needs."""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction

from accounts import doctor
from accounts.doctor import Finding, Level
from accounts.events import AUTOMATION_MODE_CHANGED
from accounts.models import Location
from core import clock
from core.causes import Cause
from core.errors import Conflict, Invalid
from core.events import record
from core.models import FieldChange
from core.registry import Registry

LIVE = Location.AutomationMode.LIVE

#: Sentences about what going live will do at a clinic, for whoever is about to press the button.
consequences: Registry[Callable[[Location], str]] = Registry("consequence of going live")


def lacking(location: Location) -> list[Finding]:
    """What a clinic must have and has not, so that it may not go live."""
    return [finding for finding in doctor.examine(location) if finding.level is Level.MISSING]


@transaction.atomic
def set_automation_mode(*, location_id: int, mode: str, cause: Cause, force_reason: str = "") -> Location:
    """Switch a clinic's automation. Back to shadow or off is immediate: the sender asks at every claim.

    The first time it goes live is kept in `live_since`: what a provider had before counts as history. Raises
    Conflict, saying what is missing, when it is not ready for live and no `force_reason` is given.
    """
    if mode not in Location.AutomationMode.values:
        raise Invalid(
            f"Automation cannot be {mode!r}.", fields={"automation_mode": "Use off, shadow or live."}
        )
    location = Location.objects.select_for_update(no_key=True).get(pk=location_id)
    previous = location.automation_mode
    if previous == mode:
        return location
    missing = lacking(location) if mode == LIVE else []
    if missing and not force_reason.strip():
        said = " ".join(f"{finding.area}: {finding.text}" for finding in missing)
        raise Conflict(
            f"{location} is not ready to go live. {said}", code="not_ready",
            fields={"automation_mode": "Mend what is missing first; the set-up page lists it."},
        )  # fmt: skip
    location.automation_mode = mode
    if mode == LIVE and location.live_since is None:
        location.live_since = clock.now()
    location.save(update_fields=["automation_mode", "live_since"])
    _tell(location, previous, missing, force_reason.strip(), cause)
    return location


def _tell(location: Location, previous: str, missing: list[Finding], reason: str, cause: Cause) -> None:
    event = record(
        AUTOMATION_MODE_CHANGED, cause=cause, location_id=location.pk,
        source="user" if cause.kind == "user" else "system",
        data={
            "mode": location.automation_mode, "previous": previous, "forced": bool(missing),
            "missing": sorted({finding.area for finding in missing}),
        },
    )  # fmt: skip
    if event is not None and reason:
        # What a person typed is kept where it can be erased; the log holds codes only.
        FieldChange.objects.create(
            event_id=event.pk, location_id=location.pk, model="accounts.location", object_id=location.pk,
            field="automation_mode", old=previous, new=f"{location.automation_mode}: {reason}"[:500],
        )  # fmt: skip
