"""Accounts of the demo clinics. Only what is absent is added: what staff changed stays.

Sydney's on-screen phone answers to SMS_WEBHOOK_TOKEN of the environment (see `integrations.accounts`).
"""

from __future__ import annotations

from django.db import transaction

from accounts import new_clinic
from accounts.models import Location
from integrations.models import Provider, ProviderAccount, SenderIdentity

INSTANCES = {"sydney": "demo-instance", "melbourne": "demo-instance-melbourne"}
SENDERS = {"sydney": "+61255501000", "melbourne": "+61355501000"}


def add_phone(location: Location) -> None:
    """Give a location an on-screen phone to send by, and a sender of texts and one of e-mails where it has none.

    A location that sends by a real provider is left alone.
    """
    phone = _account(location, Provider.CONSOLE, "On-screen phone")
    senders = list(location.sender_identities.all())
    if any(sender.account_id != phone.pk for sender in senders):
        return
    values = {
        False: SENDERS.get(location.code, "CLINIC"),
        True: f"hello@{location.code}.example",
    }
    for is_email in sorted(values.keys() - {sender.is_email for sender in senders}):
        SenderIdentity.objects.create(
            location=location,
            account=phone,
            value=values[is_email],
            registration=SenderIdentity.Registration.NOT_NEEDED,
            per_second=50,
        )


@transaction.atomic
def seed(*, demo: bool = True) -> None:
    """Every location gets its on-screen phone; with `demo`, the demo clinics get their Wix accounts."""
    for location in Location.objects.order_by("pk"):
        add_phone(location)
        if demo and location.code in INSTANCES:
            _account(location, Provider.WIX, "Wix Bookings", INSTANCES[location.code])


def connect() -> None:
    """Called from AppConfig.ready()."""
    new_clinic.parts.register("integrations.phone", add_phone)


def _account(location: Location, provider: str, name: str, instance_id: str = "") -> ProviderAccount:
    found = ProviderAccount.objects.filter(location=location, provider=provider).first()
    return found or ProviderAccount.objects.create(
        location=location, provider=provider, name=name, external_instance_id=instance_id
    )
