"""Templates, conversations, messages, and the ledger of calls to providers."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from accounts.roles import Access
from core import clock
from core.causes import Cause
from core.models import BaseModel, TrackedModel
from messaging.bulk_models import BulkSend, Storm
from messaging.vocabulary import (
    CLAIMABLE,
    PENDING,
    PURPOSE_RANK,
    TROUBLE,
    Category,
    Channel,
    Direction,
    Purpose,
    Status,
)

__all__ = [
    "CLAIMABLE",
    "PENDING",
    "PURPOSE_RANK",
    "TROUBLE",
    "BlockedNumber",
    "BulkSend",
    "Category",
    "Channel",
    "Conversation",
    "Direction",
    "Message",
    "Purpose",
    "SendAttempt",
    "Status",
    "Storm",
    "Template",
    "TemplateVersion",
]


class Template(TrackedModel):
    """A text with {placeholders}, worded by staff. `body` is that of its newest version."""

    access: ClassVar[Access] = Access(resource="settings", location="location")

    location = models.ForeignKey("accounts.Location", on_delete=models.PROTECT, related_name="templates")
    name = models.SlugField(max_length=60, help_text="The name by which rules send it.")
    channel = models.CharField(max_length=10, choices=Channel.choices, default=Channel.SMS)
    category = models.CharField(max_length=12, choices=Category.choices)
    purpose = models.CharField(max_length=10, choices=Purpose.choices)
    language = models.CharField(max_length=12, default="en")
    subject = models.CharField(max_length=200, blank=True, default="", help_text="E-mail only.")
    body = models.TextField()
    asks_answer = models.BooleanField(
        "asks for an answer", default=False, help_text="A reply within 7 days is taken as the answer to it."
    )
    is_active = models.BooleanField("active", default=True, help_text="Untick to stop it from being sent.")

    class Meta:
        ordering = ("name",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                name="one_template_per_name",
                fields=("location", "name", "channel", "language"),
                violation_error_message="There is a template of this name already.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class TemplateVersion(models.Model):
    """One wording a template had, kept so that it can be shown and restored."""

    access: ClassVar[Access] = Access(resource="settings", location="template__location")

    template = models.ForeignKey(Template, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    subject = models.CharField(max_length=200, blank=True, default="")
    body = models.TextField()
    is_seed = models.BooleanField("as delivered", default=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    cause_kind = models.CharField(max_length=20)
    cause_id = models.CharField(max_length=80)

    class Meta:
        ordering = ("-number",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(name="one_version_per_number", fields=("template", "number")),
        ]

    def __str__(self) -> str:
        return f"{self.template} version {self.number}"


class Conversation(BaseModel):
    """All messages of one contact on one channel."""

    access: ClassVar[Access] = Access(resource="messages", location="location", owner="assigned_to")

    class State(models.TextChoices):
        OPEN = "open", "Open"
        SNOOZED = "snoozed", "Snoozed"
        CLOSED = "closed", "Closed"

    class Handler(models.TextChoices):
        PERSON = "person", "A person"
        ASSISTANT = "assistant", "The assistant"

    location = models.ForeignKey("accounts.Location", on_delete=models.PROTECT, related_name="conversations")
    contact = models.ForeignKey("contacts.Contact", on_delete=models.CASCADE, related_name="conversations")
    channel = models.CharField(max_length=10, choices=Channel.choices, default=Channel.SMS)
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    assigned_to = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="conversations",
    )
    handled_by = models.CharField(max_length=10, choices=Handler.choices, default=Handler.PERSON)
    seen_at = models.DateTimeField(null=True, blank=True)
    snoozed_until = models.DateTimeField(null=True, blank=True)
    last_message_at = models.DateTimeField(null=True, blank=True)
    last_inbound_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(name="one_conversation_per_channel", fields=("contact", "channel")),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=("location", "-last_message_at"), name="conversation_recent"),
            models.Index(
                F("last_message_at").desc(nulls_last=True),
                F("id").desc(),
                name="conversation_open_of_all",
                condition=Q(state="open"),
            ),
            models.Index(
                fields=("snoozed_until",), name="conversation_snoozed", condition=Q(state="snoozed")
            ),
            # The folders of the inbox, each found without its neighbours.
            models.Index(
                fields=("location", "-last_message_at", "-id"),
                name="conversation_unread",
                condition=Q(state="open", last_inbound_at__isnull=False)
                & (Q(seen_at__isnull=True) | Q(seen_at__lt=models.F("last_inbound_at"))),
            ),
            models.Index(
                fields=("location", "-last_message_at", "-id"),
                name="conversation_unanswered",
                condition=Q(
                    state="open",
                    last_inbound_at__isnull=False,
                    seen_at__gte=models.F("last_inbound_at"),
                    last_message_at__lte=models.F("last_inbound_at"),
                ),
            ),
            models.Index(
                fields=("location", "-last_message_at", "-id"),
                name="conversation_nobodys",
                condition=Q(state="open", assigned_to__isnull=True, last_inbound_at__isnull=False),
            ),
            models.Index(
                fields=("assigned_to", "location"),
                name="conversation_mine",
                condition=Q(state="open", assigned_to__isnull=False),
            ),
            models.Index(
                fields=("location", "-last_message_at", "-id"),
                name="conversation_closed",
                condition=Q(state="closed"),
            ),
            models.Index(fields=("location",), name="conversation_resting", condition=Q(state="snoozed")),
        ]

    def __str__(self) -> str:
        return f"{self.contact} ({self.get_channel_display()})"

    @property
    def unseen(self) -> bool:
        """Whether the patient wrote after somebody last looked."""
        return self.last_inbound_at is not None and (
            self.seen_at is None or self.seen_at < self.last_inbound_at
        )


class Message(BaseModel):
    """One text, outward or inward. States and reasons are those of domain.md §8.

    A scheduled message is claimed by the sender through its own `send_at`; it has no work item. `fence` grows
    with every claim, so that a worker whose lease ran out cannot record anything any more.
    """

    access: ClassVar[Access] = Access(resource="messages", location="location")

    location = models.ForeignKey("accounts.Location", on_delete=models.PROTECT, related_name="messages")
    contact = models.ForeignKey("contacts.Contact", on_delete=models.CASCADE, related_name="messages")
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="messages")
    booking = models.ForeignKey(
        "bookings.Booking", null=True, blank=True, on_delete=models.SET_NULL, related_name="messages"
    )
    channel = models.CharField(max_length=10, choices=Channel.choices, default=Channel.SMS)
    direction = models.CharField(max_length=8, choices=Direction.choices, default=Direction.OUTBOUND)
    address = models.CharField(
        max_length=254,
        blank=True,
        default="",
        help_text="Where it goes to or came from: for a household, the owner's number.",
    )
    subject = models.CharField(max_length=200, blank=True, default="")
    wording = models.TextField(
        blank=True, default="", help_text="A text of its own, with placeholders; else its template's is used."
    )
    body = models.TextField(blank=True, default="", help_text="As sent; before that, as it would read now.")
    media = models.JSONField(default=list, blank=True)
    template = models.ForeignKey(
        Template, null=True, blank=True, on_delete=models.SET_NULL, related_name="messages"
    )
    template_version = models.ForeignKey(
        TemplateVersion, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    category = models.CharField(max_length=12, choices=Category.choices, default=Category.REPLY)
    purpose = models.CharField(max_length=10, choices=Purpose.choices, default=Purpose.SERVICE)
    rank = models.PositiveSmallIntegerField(default=0, editable=False)
    exempt_quiet = models.BooleanField("part of a conversation", default=False)
    acted_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="When the person did what this answers: quiet hours do not hold it back.",
    )
    asks_answer = models.BooleanField(default=False)
    answered_by = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="answers",
        help_text="The reply to it.",
    )
    visit_at = models.DateTimeField(
        null=True, blank=True, help_text="The time of the visit it was planned for."
    )
    status = models.CharField(max_length=10, choices=Status.choices)
    reason = models.CharField(max_length=40, blank=True, default="")
    send_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    next_try_at = models.DateTimeField(
        null=True, blank=True, help_text="When it may be tried again or, unknown, asked for."
    )
    lease_until = models.DateTimeField(null=True, blank=True, editable=False)
    fence = models.PositiveIntegerField(default=0, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField(null=True, blank=True)
    provider_account = models.ForeignKey(
        "integrations.ProviderAccount",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="messages",
    )
    provider_message_id = models.CharField(max_length=120, blank=True, default="")
    sender = models.CharField(
        max_length=254, blank=True, default="", help_text="The clinic's number, name or address."
    )
    segments = models.PositiveSmallIntegerField(default=0)
    cost_cents = models.PositiveIntegerField(default=0)
    intent = models.CharField(max_length=12, blank=True, default="", help_text="What the patient meant.")
    dedupe_key = models.CharField(max_length=200, null=True, blank=True, unique=True)
    cause_kind = models.CharField(max_length=20)
    cause_id = models.CharField(max_length=80)
    chain = models.JSONField(default=list, editable=False)
    origin = models.CharField(
        max_length=40,
        blank=True,
        default="",
        editable=False,
        help_text="The rule that wanted it, by its inner id.",
    )
    bulk = models.ForeignKey(
        BulkSend, null=True, blank=True, on_delete=models.PROTECT, related_name="messages", db_index=False
    )
    storm = models.ForeignKey(
        Storm, null=True, blank=True, on_delete=models.PROTECT, related_name="messages", db_index=False
    )
    let_go_at = models.DateTimeField(
        null=True, blank=True, help_text="When a person sent it although the day's cost cap held it."
    )

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                name="one_message_per_provider_id",
                fields=("provider_account", "provider_message_id"),
                condition=~Q(provider_message_id=""),
            ),
            models.CheckConstraint(
                name="message_going_out_has_a_time",
                condition=~Q(status__in=("scheduled", "queued", "claimed", "sending"))
                | Q(send_at__isnull=False),
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=("rank", "send_at", "id"),
                name="message_due",
                condition=Q(status__in=("scheduled", "queued")),
            ),
            models.Index(
                fields=("lease_until",), name="message_leased", condition=Q(status__in=("claimed", "sending"))
            ),
            models.Index(fields=("next_try_at",), name="message_unknown", condition=Q(status="unknown")),
            models.Index(fields=("expires_at",), name="message_held", condition=Q(status="held")),
            models.Index(fields=("id",), name="message_parked", condition=Q(status="parked")),
            models.Index(
                fields=("location", "address", "-sent_at"),
                name="message_asked",
                condition=Q(asks_answer=True, answered_by__isnull=True),
            ),
            models.Index(fields=("address", "-sent_at"), name="message_number"),
            models.Index(
                fields=("location", "sent_at"), name="message_spend", condition=Q(sent_at__isnull=False)
            ),
            models.Index(fields=("conversation", "-id"), name="message_thread"),
            models.Index(fields=("contact", "-id"), name="message_contact"),
            models.Index(fields=("location", "-id"), name="message_location"),
            models.Index(fields=("-id",), name="message_failed", condition=Q(status="failed")),
            models.Index(
                fields=("location", "origin", "-created_at"), name="message_origin", condition=~Q(origin="")
            ),
            models.Index(fields=("bulk", "status"), name="message_bulk", condition=Q(bulk__isnull=False)),
            models.Index(fields=("storm", "status"), name="message_storm", condition=Q(storm__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.get_channel_display()} {self.get_direction_display().lower()}"

    @property
    def cause(self) -> Cause:
        """Who or what had it sent, with the chain of rules that led to it."""
        return Cause(self.cause_kind, self.cause_id, tuple(self.chain))

    @property
    def at(self) -> Any:
        """The moment it stands at in a conversation: received, sent, or due (UTC)."""
        return self.received_at or self.sent_at or self.send_at or self.created_at


class SendAttempt(models.Model):
    """The ledger: one row for each call to a provider, committed BEFORE the call is made.

    A row without `finished_at` is a call of which nobody knows how it ended.
    """

    access: ClassVar[Access] = Access(resource="messages", location="message__location")

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="send_attempts")
    account = models.ForeignKey(
        "integrations.ProviderAccount",
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        help_text="By which it went.",
    )
    fence = models.PositiveIntegerField()
    started_at = models.DateTimeField(default=clock.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=10, blank=True, default="")
    error_code = models.CharField(max_length=60, blank=True, default="")

    class Meta:
        ordering = ("-id",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(name="one_attempt_per_claim", fields=("message", "fence")),
        ]

    def __str__(self) -> str:
        return f"try {self.fence} of message {self.message_id}"


class BlockedNumber(BaseModel):
    """A number that cannot be reached by text: a provider said so for good. A text from it, or staff with a
    reason, lifts that; the row stays, so that it can be read who did and why.
    """

    access: ClassVar[Access] = Access(resource="messages", location="location")

    location = models.ForeignKey("accounts.Location", on_delete=models.PROTECT, related_name="+")
    address = models.CharField("number", max_length=254)
    error_code = models.CharField("what the provider said", max_length=60, blank=True, default="")
    message = models.ForeignKey(Message, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField("since", default=clock.now)
    lifted_at = models.DateTimeField("lifted", null=True, blank=True)
    lifted_reason = models.CharField("why it was lifted", max_length=200, blank=True, default="")
    lifted_by_kind = models.CharField(max_length=20, blank=True, default="", editable=False)
    lifted_by_id = models.CharField(max_length=80, blank=True, default="", editable=False)

    class Meta:
        verbose_name = "undeliverable number"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                name="number_blocked_once",
                fields=("location", "address"),
                condition=Q(lifted_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"undeliverable number …{self.address[-3:]}"
