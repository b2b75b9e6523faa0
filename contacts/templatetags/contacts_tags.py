"""How contacts are put into words on pages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import template

from accounts.models import Location
from contacts import pipeline
from contacts.models import Contact
from contacts.pipeline import Place
from contacts.scoring import Band
from contacts.vocabulary import ConsentState, Source

register = template.Library()

_SOURCES: dict[str, str] = dict(Source.choices)
_BADGES = {Band.HOT.value: "dk-bad", Band.WARM.value: "dk-warn"}
_CONSENT_BADGES = {ConsentState.GRANTED.value: "dk-good", ConsentState.WITHDRAWN.value: "dk-bad"}
_ICONS = {
    "stage": "trending_flat", "warmness": "thermostat", "consent": "verified_user", "message": "sms",
    "booking": "event", "task": "task_alt", "rule": "bolt", "merge": "merge",
}  # fmt: skip
_TOUCH_ICONS = {
    "sms": "sms", "email": "mail", "call": "call", "booking": "event", "appointment": "event_available",
    "manychat": "forum", "ad": "ads_click", "review": "reviews", "payment": "payments", "lead": "person_add",
    "form": "description", "resource": "download", "landing": "web",
}  # fmt: skip
_CAUSES = {
    "user": "by staff",
    "provider": "reported from outside",
    "clock": "by the clock",
    "system": "by the system",
    "rule_run": "by a rule",
}


@register.filter
def local(at: datetime | None, location: Location) -> datetime | None:
    """The same instant on the clinic's clock."""
    return None if at is None else location.local(at).replace(tzinfo=None)


@register.filter
def place_label(contact: Contact) -> str:
    return pipeline.label(Place(contact.current_pipeline, contact.current_stage))


@register.filter
def temperature_badge(contact: Contact) -> str:
    return _BADGES.get(contact.temperature, "")


@register.filter
def consent_badge(state: str) -> str:
    return _CONSENT_BADGES.get(state, "")


@register.filter
def timeline_icon(line: Any) -> str:
    return _ICONS.get(line.kind) or _TOUCH_ICONS.get(line.type.split("_")[0], "radio_button_checked")


@register.filter
def started_by(line: Any) -> str:
    return _CAUSES.get(line.cause_kind, line.cause_kind)


@register.filter
def spoken(code: str) -> str:
    """A code as words: google_ads becomes "Google ads"; what is in words already stays."""
    text = str(code)
    return text.replace("_", " ").capitalize() if " " not in text else text


@register.filter
def source_words(code: str) -> str:
    """Where somebody came from, as staff call it; a word that is no source of ours is spoken as it is."""
    return _SOURCES.get(code) or (code if code in _SOURCES.values() else spoken(code))


@register.filter
def signed(points: int) -> str:
    return f"{points:+d}" if points else "0"
