"""What `doctor` asks of a clinic's providers and senders."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.db.models import OuterRef, Q, Subquery
from django.urls import reverse

from accounts import doctor
from accounts.doctor import Finding, Level
from accounts.models import Location
from core import clock
from integrations import (
    gateways,
    pacing,
    polling,
    ports,
    provider_settings,
    reconcile_words,
    reconciling,
    senders,
)
from integrations.models import Provider, ProviderAccount, Receipt, Reconciliation, SenderIdentity
from integrations.providers import wix_rest_format

#: A provider from which nothing came for so long is worth a look.
SILENT_FOR = timedelta(days=14)
#: They learn where to report from each text.
TOLD_WITH_EACH_TEXT = (Provider.TWILIO, Provider.MESSAGEMEDIA)


def providers(location: Location) -> Iterator[Finding]:
    """Each account: what was not typed yet, and whether anything came from the provider."""
    accounts = ProviderAccount.objects.filter(location=location, enabled=True).select_related("pause")
    # What was read from a provider's list says nothing about its webhooks.
    delivered = Receipt.objects.filter(account=OuterRef("pk")).exclude(
        Q(external_id__startswith=wix_rest_format.KEY) | Q(headers__has_key=polling.POLLED)
    )
    newest = delivered.order_by("-created_at").values("created_at")[:1]
    rows = list(accounts.annotate(last=Subquery(newest)))
    for account in rows:
        yield from _account(account, location)
    if not any(row.provider == Provider.WIX for row in rows):
        yield Finding(
            Level.WARNING, "Bookings from outside", "No booking system is connected: visits are entered by hand.",
            "Add its account, if the clinic has one.", reverse("admin:integrations_provideraccount_add"),
        )  # fmt: skip


def _account(account: ProviderAccount, location: Location) -> Iterator[Finding]:
    link = reverse("admin:integrations_provideraccount_change", args=(account.public_id,))
    wanted = provider_settings.of(account.provider)
    area = account.name if account.name == account.get_provider_display() else str(account)
    lacking = wanted.lacking(account)
    if lacking:
        yield Finding(
            Level.MISSING, area, f"Not typed yet: {', '.join(lacking)}.", "Copy them from the provider's page.", link
        )  # fmt: skip
    if account.provider == Provider.CONSOLE:
        yield from _console(area, link)
        return
    yield from _sending(account, location, area, link)
    silent = account.last is None  # type: ignore[attr-defined]
    addressed = account.webhook_token_hash is not None or bool(account.external_instance_id)
    # Twilio may call addresses that are the same for every clinic: what has come shows that it does.
    if wanted.addresses and silent and not addressed:
        yield Finding(
            Level.MISSING, area, "The provider cannot reach this clinic: there is no webhook address.",
            "Press “New webhook address” and enter it at the provider.", link,
        )  # fmt: skip
    elif wanted.addresses and silent:
        yield Finding(
            Level.WARNING, area, "Nothing has come from it yet.", "Let the provider send a test delivery.", link
        )  # fmt: skip
    elif wanted.addresses and clock.now() - account.last > SILENT_FOR:  # type: ignore[attr-defined]
        yield Finding(
            Level.WARNING, area, f"Nothing came since {_day(account, location)}.",
            "See at the provider whether its deliveries fail.", link,
        )  # fmt: skip
    elif not lacking:
        heard = f"Last delivery {_day(account, location)}." if wanted.addresses else "Connected."
        yield Finding(Level.OK, area, heard, link=link)


def _sending(account: ProviderAccount, location: Location, area: str, link: str) -> Iterator[Finding]:
    """What keeps an account from sending, or from hearing what became of a text."""
    pause = pacing.latest_pause(account)
    if pause is not None and pause.reason in pacing.TO_MEND:
        yield Finding(
            Level.MISSING, area, f"Texts are held: {ports.ERRORS[pause.reason]}",
            "Mend it at the provider, then press “Test the connection”.", link,
        )  # fmt: skip
    if account.provider in TOLD_WITH_EACH_TEXT and not settings.PUBLIC_URL:
        yield Finding(
            Level.WARNING, area,
            f"{account.get_provider_display()} cannot report what became of a text: nobody said how this server is "
            "reached.",
            "Set PUBLIC_URL in the environment (docs/runbook.md).", link,
        )  # fmt: skip
    if polling.only_by_asking(account):
        yield Finding(
            Level.WARNING, area, "Its webhooks bring nothing: the latest deliveries were fetched from its lists.",
            "See at the provider whether its webhooks fail, and whether the address is the present one.", link,
        )  # fmt: skip


def missed_bookings(location: Location) -> Iterator[Finding]:
    """Whether what webhooks miss is looked for, and whether the provider lets us."""
    rows = {row.account_id: row for row in Reconciliation.objects.filter(location=location)}
    for account in ProviderAccount.objects.filter(location=location, enabled=True):
        if not reconciling.has_list(account):
            continue
        link = reverse("admin:integrations_provideraccount_change", args=(account.public_id,))
        row = rows.get(account.pk)
        if not reconciling.may_ask(account):
            yield Finding(
                Level.WARNING, "Missed bookings", "Bookings that no webhook tells of are not looked for.",
                "Type an API key and the site id on the account.", link,
            )  # fmt: skip
        elif row is not None and row.error:
            yield Finding(
                Level.WARNING, "Missed bookings", reconcile_words.reason(row),
                "Mend it, then press “Look for missed bookings”." if row.refused else "It is tried again by itself.",
                link,
            )  # fmt: skip
        else:
            yield Finding(Level.OK, "Missed bookings", reconcile_words.summary(account), link=link)


def _day(account: ProviderAccount, location: Location) -> str:
    return f"{location.local(account.last):%d %b %Y, %H:%M}"  # type: ignore[attr-defined]


def _console(area: str, link: str) -> Iterator[Finding]:
    if settings.ENVIRONMENT_NAME == "production":
        yield Finding(
            Level.WARNING, area, "Texts by it reach a screen, not a phone.", "Connect an SMS provider.", link
        )
    else:
        yield Finding(Level.OK, area, "Texts by it are shown on the screen.", link=link)


def sender(location: Location) -> Iterator[Finding]:
    """A number or name that texts may come from, registered where the law wants it."""
    link = reverse("admin:integrations_senderidentity_changelist")
    rows = [
        row
        for row in SenderIdentity.objects.filter(location=location, enabled=True).select_related("account")
        if row.account.enabled and gateways.knows(row.account.provider) and not row.is_email
    ]
    for row in rows:
        row.location = location
        needed = senders.registration_needed(row)
        if needed and row.registration != SenderIdentity.Registration.REGISTERED:
            yield Finding(
                Level.WARNING, f"Sender {row}", senders.advice(row), "Register it, then note its state here.",
                reverse("admin:integrations_senderidentity_change", args=(row.public_id,)),
            )  # fmt: skip
    usable = [row for row in rows if row.usable and not row.is_email]
    if usable:
        yield Finding(Level.OK, "Senders", f"Texts come from {usable[0]}.", link=link)
    else:
        yield Finding(
            Level.MISSING, "Senders", "No text can go out: there is no sender that may be used.",
            "Add a number or a name, or finish its registration.", link,
        )  # fmt: skip


def connect() -> None:
    """Called from AppConfig.ready()."""
    doctor.checks.register("integrations.providers", providers)
    doctor.checks.register("integrations.missed_bookings", missed_bookings)
    doctor.checks.register("integrations.sender", sender)
