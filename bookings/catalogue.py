"""Services and practitioners as a provider names them: by its id, else by name, else made and flagged."""

from __future__ import annotations

from accounts.models import Location
from bookings.models import (
    Practitioner,
    PractitionerExternalId,
    Service,
    ServiceExternalId,
    ServiceType,
    Urgency,
)

UNNAMED_SERVICE = "Unnamed service"


def service_for(*, location: Location, provider: str, external_id: str, name: str) -> Service:
    """The service a provider's booking is for. An unknown one is made: routine, medium, flagged for staff."""
    known = ServiceExternalId.objects.select_related("service").filter(
        location=location, provider=provider, external_id=external_id
    )
    found = known.first() if external_id else None
    if found is not None:
        return found.service
    label = name or (f"Service {external_id}"[:255] if external_id else UNNAMED_SERVICE)
    service = Service.objects.filter(location=location, name__iexact=label).order_by("pk").first()
    if service is None:
        service, _ = Service.objects.get_or_create(
            location=location,
            name=label,
            defaults={
                "service_type": ServiceType.ROUTINE,
                "urgency_level": Urgency.MEDIUM,
                "needs_review": True,
            },
        )
    if external_id:
        ServiceExternalId.objects.get_or_create(
            location=location, provider=provider, external_id=external_id, defaults={"service": service}
        )
    return service


def practitioner_for(
    *, location: Location, provider: str, external_id: str, name: str
) -> Practitioner | None:
    """Who sees the patient, as a provider names them; None when it names nobody. An unknown one is made and
    flagged.
    """
    if not external_id and not name:
        return None
    known = PractitionerExternalId.objects.select_related("practitioner").filter(
        location=location, provider=provider, external_id=external_id
    )
    found = known.first() if external_id else None
    if found is not None:
        return found.practitioner
    label = name or f"Practitioner {external_id}"[:255]
    practitioner = Practitioner.objects.filter(location=location, name__iexact=label).order_by("pk").first()
    if practitioner is None:
        practitioner, _ = Practitioner.objects.get_or_create(
            location=location, name=label, defaults={"needs_review": True}
        )
    if external_id:
        PractitionerExternalId.objects.get_or_create(
            location=location,
            provider=provider,
            external_id=external_id,
            defaults={"practitioner": practitioner},
        )
    return practitioner
