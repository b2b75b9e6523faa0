"""How deliveries about bookings are applied: `integrations` stores them and calls this."""

from __future__ import annotations

from bookings import provider
from core.causes import Cause
from core.crashpoints import crashpoint, declare
from integrations import inbound
from integrations.models import Kind, ProviderAccount, Receipt
from integrations.ports import BookingDelivery

declare("booking.applied")


def apply(
    parsed: BookingDelivery, *, account: ProviderAccount, receipt: Receipt, cause: Cause
) -> dict[str, str]:
    """Apply one delivery; answers the public ids of the contact and the booking."""
    contact, booking = provider.apply_provider_event(parsed, account=account, receipt=receipt, cause=cause)
    crashpoint("booking.applied")
    return {"contact": str(contact.public_id), "booking": str(booking.public_id)}


def connect() -> None:
    """Called from AppConfig.ready()."""
    inbound.register(Kind.BOOKING, apply)
