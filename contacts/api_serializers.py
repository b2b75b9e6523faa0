"""Contacts as the API shows them and takes them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts import staff
from accounts.models import Location, User
from contacts import selectors, unmerging
from contacts.models import Contact
from contacts.vocabulary import Channel, Intent, Purpose, Source
from core.api import PublicIdField, PublicModelSerializer


class WarmnessLineSerializer(serializers.Serializer):
    points = serializers.IntegerField()
    reason = serializers.CharField()
    rows = serializers.ListField(child=serializers.IntegerField(), help_text="Touchpoints or adjustments.")


class WarmnessPartSerializer(serializers.Serializer):
    name = serializers.CharField(help_text="intent, source, engagement, speed or adjustments")
    points = serializers.IntegerField()
    reason = serializers.CharField()
    rows = serializers.ListField(child=serializers.IntegerField())
    lines = WarmnessLineSerializer(many=True)


class WarmnessSerializer(serializers.Serializer):
    """The explained score."""

    score = serializers.IntegerField()
    band = serializers.CharField(help_text="HOT, WARM or COOL")
    total = serializers.IntegerField(help_text="The sum of the parts, before it is held between 0 and 100.")
    parts = WarmnessPartSerializer(many=True)


class ColleagueField(PublicIdField):
    """A member of staff by public id: whoever works in the person's clinics may be chosen."""

    def get_queryset(self) -> Any:
        return staff.colleagues(self.context["request"])


class ContactListSerializer(serializers.ListSerializer):
    """Loads what stands beside the contacts for the whole page at once."""

    def to_representation(self, data: Any) -> list[Any]:
        rows = list(data)
        self.child.extras = selectors.extras(rows)  # type: ignore[union-attr]
        return super().to_representation(rows)


class ContactSerializer(PublicModelSerializer):
    """A contact. `phone` is the person's own number; `reach_phone` the one they are reached on, which for a
    member of a household is the guardian's."""

    extras: dict[int, selectors.Extras]

    location = PublicIdField(read_only=True)
    reach_phone = serializers.CharField(read_only=True)
    warmness = serializers.SerializerMethodField()
    temperature = serializers.CharField(read_only=True, help_text="HOT, WARM or COOL")
    consent = serializers.SerializerMethodField()
    guardian = PublicIdField(read_only=True)
    owner = PublicIdField(read_only=True)

    class Meta:
        model = Contact
        list_serializer_class = ContactListSerializer
        fields = (
            "id",
            "location",
            "name",
            "phone",
            "reach_phone",
            "email",
            "source",
            "intent",
            "current_pipeline",
            "current_stage",
            "stage_entered_at",
            "warmness_score",
            "temperature",
            "warmness",
            "is_existing_patient",
            "is_high_risk",
            "guardian",
            "owner",
            "tags",
            "consent",
            "recall_due_date",
            "preferred_channel",
            "language",
            "first_touch",
            "last_touch",
            "last_touchpoint_at",
            "created_at",
            "updated_at",
        )

    @extend_schema_field(WarmnessSerializer)
    def get_warmness(self, contact: Contact) -> dict[str, Any]:
        return self._extras(contact).warmness.as_dict()

    @extend_schema_field(serializers.DictField(child=serializers.DictField(child=serializers.CharField())))
    def get_consent(self, contact: Contact) -> dict[str, dict[str, str]]:
        """Channel -> purpose -> state."""
        return self._extras(contact).consent

    def _extras(self, contact: Contact) -> selectors.Extras:
        known = self.__dict__.setdefault("extras", {})
        if contact.pk not in known:
            known.update(selectors.extras([contact]))
        found: selectors.Extras = known[contact.pk]
        return found


class ContactCardSerializer(ContactSerializer):
    """One contact with what is only shown on its own: notes and custom fields."""

    class Meta(ContactSerializer.Meta):
        fields = (*ContactSerializer.Meta.fields, "notes", "custom_fields")  # type: ignore[assignment]


class ContactChange(serializers.Serializer):
    """What staff may write of a contact. PUT wants every field, PATCH those that change."""

    name = serializers.CharField(max_length=200, allow_blank=True, required=False)
    phone = serializers.CharField(
        max_length=40, allow_blank=True, required=False, help_text="In any spelling."
    )
    email = serializers.CharField(max_length=254, allow_blank=True, required=False)
    source = serializers.ChoiceField(choices=Source.choices, required=False)  # type: ignore[assignment]
    intent = serializers.ChoiceField(choices=Intent.choices, allow_blank=True, required=False)
    is_existing_patient = serializers.BooleanField(required=False)
    is_high_risk = serializers.BooleanField(required=False)
    owner = ColleagueField(queryset=User.objects.all(), allow_null=True, required=False)
    tags = serializers.ListField(child=serializers.CharField(max_length=40), max_length=50, required=False)
    recall_due_date = serializers.DateField(allow_null=True, required=False)
    preferred_channel = serializers.ChoiceField(choices=Channel.choices, allow_blank=True, required=False)
    language = serializers.CharField(max_length=12, allow_blank=True, required=False)
    notes = serializers.CharField(max_length=10_000, allow_blank=True, required=False)
    custom_fields = serializers.DictField(required=False)

    def get_fields(self) -> dict[str, serializers.Field]:
        fields: dict[str, serializers.Field] = super().get_fields()
        if self.instance is not None and not self.partial:
            for field in fields.values():
                field.required = True
        return fields

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "owner" in attrs:
            owner = attrs.pop("owner")
            attrs["owner_id"] = owner.pk if owner else None
        return attrs


class NewContact(ContactChange):
    """A contact made by hand.

    It begins as a lead, which sets the lead rules off, unless `is_lead` is false.
    """

    location = PublicIdField(
        queryset=Location.objects.all(), required=False, help_text="Yours, when left out."
    )
    is_lead = serializers.BooleanField(required=False, default=True)


class MoveInput(serializers.Serializer):
    pipeline = serializers.CharField(
        max_length=24, required=False, help_text="The present one, when left out."
    )
    stage = serializers.CharField(max_length=24)
    reason = serializers.CharField(max_length=500, allow_blank=True, required=False, default="")


class MergeInput(serializers.Serializer):
    """The other contact, named once. `into`: it stays and the contact in the path is merged into it. `from`: the
    contact in the path stays and the other is merged into it.
    """

    into = serializers.UUIDField(required=False)

    def get_fields(self) -> dict[str, serializers.Field]:
        # A word that Python keeps for itself.
        return {**super().get_fields(), "from": serializers.UUIDField(required=False)}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) != 1:
            raise serializers.ValidationError({"into": "Name the other contact once, as into or as from."})
        return attrs


class UnmergedSerializer(serializers.Serializer):
    """Two contacts that are two again, and what the undoing left with the survivor."""

    contact = ContactCardSerializer()
    survivor = ContactCardSerializer()
    kept = serializers.ListField(
        child=serializers.CharField(), help_text="Changed since the merge, so left as they are."
    )
    moved = serializers.DictField(
        source="back", child=serializers.IntegerField(), help_text="Kind of row -> how many came back."
    )
    stayed = serializers.SerializerMethodField(
        help_text="Kind of row -> ids of those made since, newest first."
    )

    @extend_schema_field(serializers.DictField(child=serializers.ListField(child=serializers.UUIDField())))
    def get_stayed(self, undone: Any) -> dict[str, list[str]]:
        return unmerging.named(undone.stayed)


class ConsentInput(serializers.Serializer):
    """Which channel and purposes; everything on the phone, when left out."""

    channel = serializers.ChoiceField(choices=Channel.choices, required=False, default="sms")
    purposes = serializers.ListField(
        child=serializers.ChoiceField(choices=Purpose.choices), required=False, allow_empty=False
    )
    wording = serializers.CharField(max_length=1000, allow_blank=True, required=False, default="")


class CauseSerializer(serializers.Serializer):
    """Who or what started it."""

    kind = serializers.CharField(source="cause_kind", help_text="user, provider, clock, system or rule_run")
    id = serializers.CharField(source="cause_id")


class MomentSerializer(serializers.Serializer):
    """One line of a timeline: a touchpoint, a move, an adjustment of warmness, a change of consent."""

    kind = serializers.CharField(help_text="touchpoint, stage, warmness, consent or merge")
    at = serializers.DateTimeField()
    type = serializers.CharField()
    text = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]
    channel = serializers.CharField()
    details = serializers.DictField()
    answers = serializers.DictField(help_text="What the person answered in a form or chat, by question.")
    cause = CauseSerializer(source="*")


class TimelineSerializer(serializers.Serializer):
    results = MomentSerializer(many=True)
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)


class DetailSerializer(serializers.Serializer):
    """A contact with the newest of what belongs to it; each list is paged by its own endpoint."""

    contact = ContactCardSerializer()
    bookings = serializers.ListField(child=serializers.DictField(), required=False)
    touchpoints = MomentSerializer(many=True)
    tasks = serializers.ListField(child=serializers.DictField(), required=False)
    messages = serializers.ListField(child=serializers.DictField(), required=False)


class StageSerializer(serializers.Serializer):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    count = serializers.IntegerField()


class PipelineSerializer(StageSerializer):
    """A pipeline, its stages in order, and how many contacts stand in each."""

    stages = StageSerializer(many=True)
