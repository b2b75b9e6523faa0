"""Wordings held against what their clinic is and offers: the linter with the clinic's own names in hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Q

from accounts.models import Location
from bookings.models import Service, ServiceType
from contacts.models import Contact
from messaging import linting, rendering, segments, values
from messaging.linting import Finding, Kind, Wording
from messaging.models import Template

#: Price of one segment where the location states none, in thousandths of a cent.
SEGMENT_PRICE = 8_000
_TYPICAL = {
    "date": "Tue 24 Nov", "time": "2:30 pm", "months": "12", "practitioner": "Dr Lee", "doctor_name": "Dr Lee",
}  # fmt: skip


def findings(
    location: Location, *, body: str, kind: Kind = "template", services: Sequence[str] | None = None, **wording: Any
) -> list[Finding]:  # fmt: skip
    """What the linter says of a wording at this clinic; `wording` holds the further fields of `Wording`.

    `services` are the `telling_services` where the caller has them at hand; else they are read.
    """
    return linting.lint(
        Wording(
            body=body, kind=kind, services=telling_services(location) if services is None else services,
            own_names=(location.name,), shown=sample(body, location), **wording,
        )
    )  # fmt: skip


def of_template(template: Template, *, services: Sequence[str] | None = None) -> list[Finding]:
    """What the linter says of a template as it stands."""
    return findings(
        template.location, body=template.body, subject=template.subject, purpose=template.purpose,
        channel=template.channel, asks_answer=template.asks_answer, services=services,
    )  # fmt: skip


def refuse(
    location: Location, *, body: str, field: str = "body", kind: Kind = "template", **wording: Any
) -> None:
    """Raise Invalid at `field`, with all that is wrong, for a wording that must not be saved or sent."""
    linting.refuse_errors(findings(location, body=body, kind=kind, **wording), field=field)


def telling_services(location: Location) -> list[str]:
    """Names of the clinic's services that say what somebody's visit is about: procedures and high-risk ones."""
    if location.pk is None:
        return []
    telling = Q(is_high_risk=True) | Q(service_type=ServiceType.PROCEDURE)
    return list(Service.objects.filter(telling, location=location).values_list("name", flat=True))


def sample(body: str, location: Location) -> str:
    """The wording with values as they typically are; as it stands where it cannot be filled in."""
    if rendering.problems(body):
        return body
    filled = {name: f"[{name}]" for name in rendering.PLACEHOLDERS}
    known = values.for_message(contact=Contact(name="Alexandra Nguyen"), location=location, booking=None)
    filled |= {name: str(value) for name, value in known.items() if value}
    return rendering.render(body, filled | _TYPICAL)


def price_of(location: Location) -> int:
    """What one segment costs here, in thousandths of a cent."""
    own = location.settings if isinstance(location.settings, dict) else {}
    price: int = own.get("sms_segment_price", SEGMENT_PRICE)
    return price


def least_cost(location: Location) -> int:
    """What the shortest text costs here, in cents."""
    return segments.cost_cents(1, thousandths_per_segment=price_of(location))


def cost_of(text: str, location: Location) -> int:
    """What a text costs to send, in cents, rounded up."""
    size = segments.measure(text).count
    return segments.cost_cents(size, thousandths_per_segment=price_of(location))
