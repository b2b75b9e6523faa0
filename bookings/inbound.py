"""How deliveries about bookings are applied: `integrations` stores them and calls this."""

from __future__ import annotations

from collections.abc import Mapping

from bookings import provider
from bookings.deliveries import Memory
from bookings.models import Booking, Source
from core.causes import Cause
from core.crashpoints import crashpoint, declare
from integrations import inbound, reconciling
from integrations.models import Kind, Provider, ProviderAccount, Receipt
from integrations.ports import BookingDelivery

declare("booking.applied")


def apply(
    parsed: BookingDelivery, *, account: ProviderAccount, receipt: Receipt, cause: Cause
) -> dict[str, str]:
    """Apply one delivery; answers the public ids of the contact and the booking."""
    contact, booking = provider.apply_provider_event(parsed, account=account, receipt=receipt, cause=cause)
    crashpoint("booking.applied")
    return {"contact": str(contact.public_id), "booking": str(booking.public_id)}


def known(account: ProviderAccount, revisions: Mapping[str, int]) -> set[str]:
    """Which of the provider's bookings (ids with the number of their state) are known in this state or a newer
    one; one query.
    """
    rows = Booking.objects.filter(
        location_id=account.location_id, source=Source.WIX, external_id__in=list(revisions)
    )
    return {
        booking_id
        for booking_id, state in rows.values_list("external_id", "provider_state")
        if (seen := Memory.from_json(state).revision) is not None and seen >= revisions[booking_id]
    }


def connect() -> None:
    """Called from AppConfig.ready()."""
    reconciling.known.register(Provider.WIX, known)
    inbound.register(Kind.BOOKING, apply)
