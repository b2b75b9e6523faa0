from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar

from django.db import models
from django.db.models import Q

from accounts.roles import Access
from core import clock
from core.causes import Cause
from core.fields import EncryptedJSONField, EncryptedTextField
from core.models import BaseModel

#: Changes reach a provider's list late: a run begins so long before the moment up to which all is known.
RECONCILE_OVERLAP = timedelta(hours=2)


class Provider(models.TextChoices):
    """Who speaks to us, and to whom we speak."""

    WIX = "wix", "Wix Bookings"
    CONSOLE = "console", "On-screen phone"
    CLICKSEND = "clicksend", "ClickSend"
    MESSAGEMEDIA = "messagemedia", "MessageMedia"
    TWILIO = "twilio", "Twilio"
    MANYCHAT = "manychat", "ManyChat"
    META = "meta", "Meta lead ads"
    WEB_FORM = "web_form", "Website form"
    EMAIL = "email", "E-mail"
    SLACK = "slack", "Slack"
    WEBHOOK = "webhook", "Webhook of your own"


class Kind(models.TextChoices):
    """What a delivery is about: who applies it depends on this."""

    BOOKING = "booking", "Booking"
    SMS_INBOUND = "sms_inbound", "Text received"
    SMS_RECEIPT = "sms_receipt", "Delivery receipt"
    LEAD = "lead", "Lead"


class ProviderAccount(BaseModel):
    """A location's account with a provider.

    The webhook token is the last part of the address the provider calls; only its hash is kept, so it is
    shown once, when it is made. `credentials` may override the installation's settings: `webhook_secret`,
    `previous_webhook_secret` (while one replaces the other) and `public_key`.
    """

    access: ClassVar[Access] = Access(resource="settings", location="location")

    location = models.ForeignKey(
        "accounts.Location", on_delete=models.PROTECT, related_name="provider_accounts"
    )
    provider = models.CharField(max_length=20, choices=Provider)
    name = models.CharField(max_length=80, help_text="How staff tell it from other accounts.")
    credentials = EncryptedJSONField(default=dict, blank=True)
    external_instance_id = models.CharField(
        max_length=255,
        blank=True,
        default="",
        help_text="The provider's id of this clinic, such as Wix's instance id.",
    )
    webhook_token_hash = models.CharField(max_length=64, null=True, unique=True, editable=False)
    enabled = models.BooleanField(
        default=True, help_text="Untick to refuse its webhooks and to send nothing by it."
    )
    per_second = models.PositiveSmallIntegerField(
        "texts per second",
        null=True,
        blank=True,
        help_text="How many texts the provider takes from all its senders together in a second; empty for no limit.",
    )

    class Meta:
        ordering = ("location", "provider", "id")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                name="account_one_per_instance",
                fields=("provider", "external_instance_id"),
                condition=~Q(external_instance_id=""),
                violation_error_message="Another account has this instance id already.",
            ),
            models.CheckConstraint(
                name="account_has_a_pace",
                condition=Q(per_second__isnull=True) | Q(per_second__gt=0),
                violation_error_message="Leave it empty, or give at least one text per second.",
            ),
        ]

    def __str__(self) -> str:
        provider = self.get_provider_display()
        return self.name if self.name == provider else f"{self.name} ({provider})"


class SenderIdentity(BaseModel):
    """A number or name that texts come from, and how far its registration is."""

    access: ClassVar[Access] = Access(resource="settings", location="location")

    class Registration(models.TextChoices):
        NOT_NEEDED = "not_needed", "Not needed"
        UNREGISTERED = "unregistered", "Not registered"
        PENDING = "pending", "Being registered"
        REGISTERED = "registered", "Registered"
        REFUSED = "refused", "Refused"

    location = models.ForeignKey(
        "accounts.Location", on_delete=models.PROTECT, related_name="sender_identities"
    )
    account = models.ForeignKey(ProviderAccount, on_delete=models.PROTECT, related_name="senders")
    value = models.CharField(
        "number, name or address",
        max_length=254,
        help_text="A number in E.164, a name of at most 11 characters, or for e-mail an address.",
    )
    registration = models.CharField(max_length=12, choices=Registration, default=Registration.UNREGISTERED)
    register_name = models.CharField(
        max_length=60,
        blank=True,
        default="",
        help_text="AU sender-ID register, or A2P 10DLC brand and campaign.",
    )
    register_id = models.CharField(max_length=80, blank=True, default="")
    per_second = models.PositiveSmallIntegerField(
        "texts per second", default=1, help_text="How many texts the carrier takes from it in a second."
    )
    is_default = models.BooleanField("used first", default=True)
    enabled = models.BooleanField(default=True)

    class Meta:
        verbose_name_plural = "sender identities"
        ordering = ("location", "-is_default", "id")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                name="sender_once_per_account",
                fields=("account", "value"),
                violation_error_message="This account has that sender already.",
            ),
            models.CheckConstraint(name="sender_has_a_pace", condition=Q(per_second__gt=0)),
        ]

    def __str__(self) -> str:
        return self.value

    @property
    def is_email(self) -> bool:
        """Whether e-mails come from it, not texts."""
        return "@" in self.value

    @property
    def usable(self) -> bool:
        """Whether texts may go out from it."""
        return self.enabled and self.registration in (
            self.Registration.NOT_NEEDED,
            self.Registration.REGISTERED,
        )


class SenderPace(models.Model):
    """When a sender's next text may go: all workers take their turns from this row. Real time, whatever the
    clock of the system shows, for it is a carrier that counts."""

    access: ClassVar[Access] = Access(resource="settings", location="sender__location")

    sender = models.OneToOneField(
        SenderIdentity, on_delete=models.CASCADE, primary_key=True, related_name="pace"
    )
    free_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"pace of sender #{self.sender_id}"


class AccountPace(models.Model):
    """When an account's next text may go, whatever its sender. Real time, as with a sender's pace."""

    access: ClassVar[Access] = Access(resource="settings", location="account__location")

    account = models.OneToOneField(
        ProviderAccount, on_delete=models.CASCADE, primary_key=True, related_name="pace"
    )
    free_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"pace of account #{self.account_id}"


class AccountPause(models.Model):
    """Until when nothing is sent through an account: it said that it is busy, that its credit is used up, or it was
    not there several times in a row. `failures` counts the calls in a row that it was not there for; the row goes
    when it takes a text.
    """

    access: ClassVar[Access] = Access(resource="settings", location="account__location")

    account = models.OneToOneField(
        ProviderAccount, on_delete=models.CASCADE, primary_key=True, related_name="pause"
    )
    until = models.DateTimeField()
    reason = models.CharField(max_length=40)
    failures = models.PositiveSmallIntegerField(default=0, db_default=0)

    def __str__(self) -> str:
        return f"pause of account #{self.account_id}"


class Receipt(BaseModel):
    """One raw delivery from outside, kept before it was understood.

    The key `(account, external_id)` stays for ever, so that a delivery is never applied twice; the body is
    removed after 90 days. `result` holds public ids of what the delivery made, for the answer to a duplicate.
    """

    access: ClassVar[Access] = Access(resource="settings", location="location")

    class State(models.TextChoices):
        STORED = "stored", "Stored, not applied yet"
        APPLIED = "applied", "Applied"
        WAITING = "waiting", "Waiting for another delivery"
        IGNORED = "ignored", "Not about anything here"
        PARKED = "parked", "Could not be applied"
        FETCHING = "fetching", "Being fetched from the provider"

    location = models.ForeignKey("accounts.Location", on_delete=models.PROTECT, related_name="receipts")
    account = models.ForeignKey(ProviderAccount, on_delete=models.PROTECT, related_name="receipts")
    kind = models.CharField(max_length=12, choices=Kind)
    external_id = models.CharField("delivery key", max_length=300)
    subject = models.CharField(max_length=120, help_text="Deliveries of one subject are applied in order.")
    headers = models.JSONField(default=dict)
    body = EncryptedTextField(default="")
    verified = models.BooleanField(default=True)
    by_token = models.BooleanField("address named the account", default=False)
    state = models.CharField(max_length=8, choices=State, default=State.STORED)
    error = models.CharField(max_length=300, blank=True, default="")
    attempts = models.PositiveSmallIntegerField(default=0)
    applied_at = models.DateTimeField(null=True, blank=True)
    result = models.JSONField(default=dict, blank=True)

    #: Waiting receipts that were applied along with this one (`inbound.take_waiting`).
    taken: Sequence[Receipt] = ()

    class Meta:
        ordering = ("-id",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(name="receipt_once", fields=("account", "external_id")),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=("location", "-id"), name="receipt_location"),
            models.Index(fields=("account", "-created_at"), name="receipt_heard"),
            models.Index(
                fields=("state", "-id"), name="receipt_state", condition=Q(state__in=("stored", "parked"))
            ),
            models.Index(fields=("subject", "id"), name="receipt_waiting", condition=Q(state="waiting")),
            models.Index(fields=("created_at",), name="receipt_with_body", condition=~Q(body="")),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.public_id}"

    @property
    def raw(self) -> bytes:
        """The body as it arrived."""
        return self.body.encode("latin-1")

    @staticmethod
    def as_text(body: bytes) -> str:
        """Any bytes as text that can be stored and turned back."""
        return body.decode("latin-1")


class Fetch(BaseModel):
    """What a provider is still to be asked, because its delivery named it and did not hold it.

    The receipt waits (`fetching`) until the answer is put into its body; then it is applied like any other.
    `next_at` is empty once there is nothing more to ask. `tries` counts calls that came to nothing.
    """

    access: ClassVar[Access] = Access(resource="settings", location="location")

    location = models.ForeignKey("accounts.Location", on_delete=models.PROTECT, related_name="+")
    account = models.ForeignKey(ProviderAccount, on_delete=models.PROTECT, related_name="fetches")
    receipt = models.OneToOneField(Receipt, on_delete=models.PROTECT, related_name="fetch")
    next_at = models.DateTimeField(null=True, default=clock.now)
    lease_until = models.DateTimeField(null=True, blank=True)
    fence = models.PositiveIntegerField(default=0)
    tries = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=60, blank=True, default="")

    class Meta:
        verbose_name_plural = "fetches"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=("next_at", "id"), name="fetch_due", condition=Q(next_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"fetch for {self.receipt_id}"


class OutboundCall(BaseModel):
    """One call to somebody else's server that a rule asked for: a webhook, a Slack notice, an e-mail to staff.

    Written in the transaction of its cause, made outside of any (`integrations.outbox`). `public_id` goes along
    as the receiver's key against doubles. `fence` grows with every try, so that a worker whose lease ran out
    records nothing any more. What was sent is encrypted and removed after 90 days.
    """

    access: ClassVar[Access] = Access(resource="settings", location="location")

    class Kind(models.TextChoices):
        WEBHOOK = "webhook", "Webhook"
        SLACK = "slack", "Slack notice"
        EMAIL_NOTICE = "email_notice", "E-mail to staff"

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        CALLING = "calling", "Being made"
        DONE = "done", "Arrived"
        UNKNOWN = "unknown", "Not known whether it arrived"
        PARKED = "parked", "Given up"
        EXPIRED = "expired", "Too late"

    location = models.ForeignKey(
        "accounts.Location", null=True, blank=True, on_delete=models.PROTECT, related_name="outbound_calls",
        help_text="Empty: from the system itself, an alert.",
    )  # fmt: skip
    account = models.ForeignKey(
        ProviderAccount, null=True, blank=True, on_delete=models.PROTECT, related_name="outbound_calls"
    )
    kind = models.CharField(max_length=12, choices=Kind)
    target = models.CharField(max_length=255, help_text="The server it goes to.")
    payload = EncryptedJSONField(null=True, help_text="Removed after 90 days.")
    contact_id = models.BigIntegerField(null=True, editable=False)
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    outcome = models.CharField(max_length=40, blank=True, default="", help_text="A code of the last try.")
    attempts = models.PositiveSmallIntegerField("tries", default=0)
    next_try_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True, blank=True, editable=False)
    fence = models.PositiveIntegerField(default=0, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)
    dedupe_key = models.CharField(max_length=200, unique=True, editable=False)
    cause_kind = models.CharField(max_length=20, editable=False)
    cause_id = models.CharField(max_length=80, editable=False)
    chain = models.JSONField(default=list, editable=False)

    class Meta:
        verbose_name = "call to others"
        verbose_name_plural = "calls to others"
        ordering = ("-id",)
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=("next_try_at", "id"), name="call_due", condition=Q(state="waiting")),
            models.Index(fields=("lease_until",), name="call_leased", condition=Q(state="calling")),
            models.Index(fields=("location", "-id"), name="call_location"),
            models.Index(
                fields=("state", "id"), name="call_open", condition=Q(state__in=("unknown", "parked"))
            ),
            models.Index(
                fields=("finished_at",),
                name="call_with_payload",
                condition=Q(finished_at__isnull=False, payload__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.public_id}"

    @property
    def cause(self) -> Cause:
        """Who or what asked for it, with the chain of rules that led there."""
        return Cause(self.cause_kind, self.cause_id, tuple(self.chain))


class Reconciliation(BaseModel):
    """How far a provider's list has been gone through for what no webhook told of.

    A run takes page after page; `cursor` names the next one and is stored with the page before it. `since` is
    where the run in progress begins (empty between runs), `reached` the newest change it has stored, and
    `complete_until` the moment up to which all changes are known. `refused` means that the provider does not
    let the account in: nothing is asked until somebody changes the account or asks for a run.
    """

    access: ClassVar[Access] = Access(resource="settings", location="location")

    location = models.ForeignKey("accounts.Location", on_delete=models.PROTECT, related_name="+")
    account = models.OneToOneField(ProviderAccount, on_delete=models.PROTECT, related_name="reconciliation")
    complete_until = models.DateTimeField(null=True)
    since = models.DateTimeField(null=True)
    reached = models.DateTimeField(null=True)
    cursor = models.TextField(default="")
    next_at = models.DateTimeField(null=True, default=clock.now)
    lease_until = models.DateTimeField(null=True)
    fence = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    seen = models.PositiveIntegerField(default=0)
    found = models.PositiveIntegerField(default=0)
    tries = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=60, default="")
    refused = models.BooleanField(default=False)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=("next_at", "id"), name="reconciliation_due", condition=Q(next_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"reconciliation of account #{self.account_id}"

    @property
    def is_first(self) -> bool:
        """Whether the list has never been gone through to its end."""
        return self.complete_until is None

    @property
    def asks_from(self) -> datetime | None:
        """Since when changes are asked for by the present run, else by the next; None for the first run."""
        if self.complete_until is None:
            return None
        return self.since or self.complete_until - RECONCILE_OVERLAP

    @property
    def is_running(self) -> bool:
        """Whether a run has begun and is not at its end."""
        return self.since is not None
