from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Lower

from accounts.models import Location
from accounts.roles import Access
from contacts import pipeline, scoring
from contacts.merge_models import ContactMerge as ContactMerge
from contacts.vocabulary import Channel, ConsentState, Intent, Purpose, Source, TouchpointType
from contacts.warmness_models import ScoringTable as ScoringTable
from contacts.warmness_models import WarmnessDelta as WarmnessDelta
from contacts.warmness_models import WarmnessHistory as WarmnessHistory
from core import clock
from core.fields import EncryptedJSONField, EncryptedTextField
from core.models import BaseModel, TrackedModel

E164 = r"^\+[1-9][0-9]{3,14}$"


class ContactQuerySet(models.QuerySet["Contact"]):
    """Filters that lists, rules and reports share."""

    def live(self) -> ContactQuerySet:
        """Contacts that are neither hidden nor merged into another."""
        return self.filter(deleted_at__isnull=True, merged_into__isnull=True)

    def hidden(self) -> ContactQuerySet:
        return self.filter(deleted_at__isnull=False)

    def who(self) -> models.QuerySet[Contact, int]:
        """The ids of the people these rows are today: of a merged contact, the one it was merged into."""
        return self.annotate(who=Coalesce("merged_into_id", "pk")).values_list("who", flat=True)

    def reached_by(self, location: Location, phone: str) -> ContactQuerySet:
        """Everyone a clinic reaches on that number (E.164): its owner and the household members reached through
        the owner. The number of a contact who was merged into another reaches that other. Nobody is reached on
        no number.
        """
        if not phone:
            return self.none()
        # Two look-ups by index; one condition with OR would read every contact of the clinic.
        owner = Contact.objects.filter(location=location, phone=phone).order_by().who()
        members = Contact.objects.filter(guardian__in=owner).order_by().values("pk")
        return self.filter(location=location, pk__in=owner.union(members))


class Contact(TrackedModel):
    """A person: lead or patient.

    One contact owns a phone in a location; members of the household have none of their own and are reached
    through the owner, their `guardian`. A hidden contact keeps its phone, so that the number finds it again.
    Stage, warmness and the `last_*` moments are kept by services; they are never edited directly.
    """

    access: ClassVar[Access] = Access(resource="contacts", location="location", owner="owner")

    location = models.ForeignKey("accounts.Location", on_delete=models.PROTECT, related_name="contacts")
    name = models.CharField(max_length=200, blank=True)
    phone = models.CharField(max_length=16, blank=True, help_text="In E.164; empty for household members.")
    email = models.EmailField("e-mail", blank=True)
    source = models.CharField(max_length=24, choices=Source, default=Source.OTHER)
    intent = models.CharField(max_length=24, choices=Intent, blank=True)
    current_pipeline = models.CharField("pipeline", max_length=24, default=pipeline.LEAD_TO_BOOKING)
    current_stage = models.CharField("stage", max_length=24, default="new_lead")
    stage_entered_at = models.DateTimeField(default=clock.now, editable=False)
    warmness_score = models.PositiveSmallIntegerField("warmness", default=0, editable=False)
    is_existing_patient = models.BooleanField("existing patient", default=False)
    is_high_risk = models.BooleanField("high risk", default=False)
    guardian = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="household",
        help_text="Who owns the phone this person is reached on.",
    )  # fmt: skip
    owner = models.ForeignKey(
        "accounts.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="owned_contacts"
    )
    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    first_touch = models.JSONField(default=dict, blank=True, help_text="How they found us. Frozen once set.")
    last_touch = models.JSONField(default=dict, blank=True)
    lead_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="When they began as a lead; speed to lead counts from here.",
    )
    last_touchpoint_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_inbound_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_outbound_at = models.DateTimeField(null=True, blank=True, editable=False)
    recall_due_date = models.DateField(null=True, blank=True)
    preferred_channel = models.CharField(max_length=12, choices=Channel, blank=True)
    language = models.CharField(max_length=12, blank=True)
    notes = EncryptedTextField(blank=True, default="")
    custom_fields = EncryptedJSONField(default=dict, blank=True)
    merged_into = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="merged", editable=False
    )
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ContactQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Hidden contacts included: a number that returns finds its owner.
            models.UniqueConstraint(
                fields=("location", "phone"), condition=~Q(phone=""), name="contact_one_owner_per_phone"
            ),
            models.CheckConstraint(name="contact_phone_e164", condition=Q(phone="") | Q(phone__regex=E164)),
            models.CheckConstraint(name="contact_email_lower_case", condition=Q(email=Lower("email"))),
            models.CheckConstraint(
                name="contact_member_has_no_phone", condition=Q(guardian__isnull=True) | Q(phone="")
            ),
            models.CheckConstraint(
                name="contact_not_own_guardian",
                condition=Q(guardian__isnull=True) | ~Q(guardian=F("id")),
            ),
            models.CheckConstraint(
                name="contact_not_merged_into_itself",
                condition=Q(merged_into__isnull=True) | ~Q(merged_into=F("id")),
            ),
            models.CheckConstraint(
                name="contact_warmness_range", condition=Q(warmness_score__range=(0, 100))
            ),
            models.CheckConstraint(name="contact_source_known", condition=Q(source__in=Source.values)),
            models.CheckConstraint(name="contact_intent_known", condition=Q(intent__in=["", *Intent.values])),
            models.CheckConstraint(
                name="contact_stage_in_pipeline",
                condition=Q(
                    *(
                        Q(current_pipeline=name, current_stage__in=list(stages))
                        for name, stages in pipeline.PIPELINES.items()
                    ),
                    _connector=Q.OR,
                ),
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # For those who see all clinics: the warmest, whom one talked with last, the hidden.
            models.Index(
                fields=("-warmness_score", "-created_at", "-id"),
                name="contact_warmest",
                condition=Q(deleted_at__isnull=True),
            ),
            models.Index(
                F("last_touchpoint_at").desc(nulls_last=True),
                F("id").desc(),
                name="contact_talked_last",
                condition=Q(deleted_at__isnull=True, merged_into__isnull=True),
            ),
            models.Index(
                fields=("-created_at", "-id"), name="contact_hidden", condition=Q(deleted_at__isnull=False)
            ),
            # Two for the newest: for those who see one clinic, and for those who see all.
            models.Index(
                fields=("location", "-created_at", "-id"),
                name="contact_newest_here",
                condition=Q(deleted_at__isnull=True),
            ),
            models.Index(
                fields=("-created_at", "-id"), name="contact_newest", condition=Q(deleted_at__isnull=True)
            ),
            models.Index(
                fields=("location", "current_pipeline", "current_stage", "-created_at"), name="contact_stage"
            ),
            models.Index(fields=("current_pipeline", "-stage_entered_at", "-id"), name="contact_board"),
            # A column of the board, newest first; oldest is the other end.
            models.Index(
                fields=("location", "current_pipeline", "current_stage", "-stage_entered_at", "-id"),
                name="contact_column",
                condition=Q(deleted_at__isnull=True, merged_into__isnull=True),
            ),
            models.Index(fields=("location", "name"), name="contact_name"),
            models.Index(fields=("location", "-warmness_score", "-id"), name="contact_warmness"),
            models.Index(fields=("location", "source", "-created_at"), name="contact_source"),
            models.Index(fields=("source", "-created_at", "-id"), name="contact_source_of_all"),
            models.Index(fields=("location", "email"), name="contact_email", condition=~Q(email="")),
            models.Index(
                fields=("location", "recall_due_date"),
                name="contact_recall",
                condition=Q(recall_due_date__isnull=False),
            ),
            models.Index(fields=("location", "last_touchpoint_at"), name="contact_last_touchpoint"),
            GinIndex(fields=("tags",), name="contact_tags"),
        ]

    def __str__(self) -> str:
        return self.name or "Unnamed contact"

    def event_subject(self) -> dict[str, int | None]:
        return {"location_id": self.location_id, "contact_id": self.pk, "booking_id": None}

    @property
    def reach_phone(self) -> str:
        """The number this person is reached on (E.164): their own, else the guardian's; "" when there is
        none.

        Costs a query for household members unless `guardian` was selected along.
        """
        return self.guardian.phone if self.guardian is not None else self.phone

    @property
    def temperature(self) -> str:
        """HOT, WARM or COOL."""
        return scoring.band(self.warmness_score).value

    @property
    def is_qualified(self) -> bool:
        """Engaged or further, with a known intent."""
        return bool(self.intent) and pipeline.is_engaged(self.current_pipeline, self.current_stage)


class ExternalIdentity(BaseModel):
    """The id by which a provider knows a contact."""

    access: ClassVar[Access] = Access(resource="contacts", location="location", owner="contact__owner")

    location = models.ForeignKey("accounts.Location", on_delete=models.PROTECT, related_name="+")
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="identities")
    provider = models.CharField(max_length=24)
    external_id = models.CharField(max_length=128)

    class Meta:
        verbose_name_plural = "external identities"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=("location", "provider", "external_id"), name="identity_once_per_location"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.external_id}"


class ContactSearch(models.Model):
    """What a contact is found by (see `contacts.finding`), in one row that is written with the contact."""

    access: ClassVar[Access] = Access(resource="contacts", location="location_id", owner="contact__owner")

    contact = models.OneToOneField(Contact, on_delete=models.CASCADE, primary_key=True, related_name="search")
    location_id = models.BigIntegerField()
    keys = ArrayField(models.TextField())

    class Meta:
        verbose_name_plural = "contact search"
        indexes: ClassVar[list[models.Index]] = [
            GinIndex(fields=("keys",), fastupdate=False, name="contactsearch_keys"),
        ]

    def __str__(self) -> str:
        return f"keys of contact {self.contact_id}"


class Consent(BaseModel):
    """What the holder of a phone or e-mail allowed, for one channel and purpose.

    It belongs to the address, not to the person: an opt-out covers everyone on that number, and outlives
    the contact. A change closes the standing row (`superseded_at`) and adds one, so that the evidence stays.
    """

    access: ClassVar[Access] = Access(resource="contacts", location="location", owner="contact__owner")

    location = models.ForeignKey("accounts.Location", on_delete=models.PROTECT, related_name="+")
    address = models.CharField(max_length=254, help_text="Phone in E.164, or e-mail in lower case.")
    channel = models.CharField(max_length=12, choices=Channel)
    purpose = models.CharField(max_length=12, choices=Purpose)
    state = models.CharField(max_length=12, choices=ConsentState)
    basis = models.CharField(
        max_length=40, help_text="Why we believe so: reply, form, staff, enquiry, import."
    )
    wording = EncryptedTextField(blank=True, default="", help_text="What the person read or wrote.")
    source = models.CharField(max_length=24, blank=True)
    contact = models.ForeignKey(
        Contact, null=True, blank=True, on_delete=models.SET_NULL, related_name="consents"
    )
    at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    superseded_at = models.DateTimeField(null=True, blank=True)
    cause_kind = models.CharField(max_length=20)
    cause_id = models.CharField(max_length=80)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=("location", "address", "channel", "purpose"),
                condition=Q(superseded_at__isnull=True),
                name="consent_one_stands",
            ),
            models.CheckConstraint(name="consent_has_an_address", condition=~Q(address="")),
            models.CheckConstraint(name="consent_state_known", condition=Q(state__in=ConsentState.values)),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=("location", "address", "-at"), name="consent_history"),
        ]

    def __str__(self) -> str:
        return f"{self.get_channel_display()} {self.get_purpose_display()}: {self.get_state_display()}"


class Touchpoint(BaseModel):
    """One thing that happened between the clinic and a contact; `answers` is what they wrote in a form or chat."""

    access: ClassVar[Access] = Access(resource="contacts", location="location", owner="contact__owner")

    location = models.ForeignKey("accounts.Location", on_delete=models.PROTECT, related_name="+")
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="touchpoints")
    at = models.DateTimeField(default=clock.now)
    type = models.CharField(max_length=30, choices=TouchpointType)
    source = models.CharField(max_length=24, blank=True)
    channel = models.CharField(max_length=80, blank=True, help_text="Campaign or flow.")
    details = models.JSONField(default=dict, blank=True)
    answers = EncryptedJSONField(null=True, blank=True, default=None)
    is_attribution_event = models.BooleanField(default=False)
    staff = models.ForeignKey(
        "accounts.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    cause_kind = models.CharField(max_length=20)
    cause_id = models.CharField(max_length=80)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(name="touchpoint_type_known", condition=Q(type__in=TouchpointType.values)),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=("contact", "-at", "-id"), name="touchpoint_timeline"),
            models.Index(fields=("contact", "type", "at"), name="touchpoint_by_type"),
            models.Index(fields=("location", "type", "-at"), name="touchpoint_reports"),
            models.Index(fields=("location", "-at", "-id"), name="touchpoint_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.get_type_display()} #{self.pk}"


class StageChange(models.Model):
    """A contact moved. Append-only; time in stage and conversion come from these rows."""

    access: ClassVar[Access] = Access(resource="contacts", location="location", owner="contact__owner")

    location = models.ForeignKey("accounts.Location", on_delete=models.PROTECT, related_name="+")
    contact = models.ForeignKey(Contact, on_delete=models.PROTECT, related_name="stage_changes")
    from_pipeline = models.CharField(max_length=24, blank=True)
    from_stage = models.CharField(max_length=24, blank=True)
    to_pipeline = models.CharField(max_length=24)
    to_stage = models.CharField(max_length=24)
    at = models.DateTimeField(default=clock.now)
    reason = EncryptedTextField(blank=True, default="")
    cause_kind = models.CharField(max_length=20)
    cause_id = models.CharField(max_length=80)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=("contact", "-at", "-id"), name="stagechange_timeline"),
            models.Index(fields=("location", "to_pipeline", "to_stage", "-at"), name="stagechange_reports"),
        ]

    def __str__(self) -> str:
        return f"{self.from_stage or 'start'} → {self.to_stage}"
