"""Rules, runs and events as the API shows and takes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.models import Location
from automation import anchors, selectors, statistics, triggers
from automation.models import ActionRun, Rule, RuleRun
from bookings.models import Booking
from contacts.models import Contact
from core import clock
from core.api import PublicIdField, PublicModelSerializer
from core.models import Event


class RuleSerializer(PublicModelSerializer):
    """A rule in its present wording, and in plain words."""

    location = serializers.UUIDField(source="location.public_id", read_only=True)
    conditions = serializers.DictField(source="current.conditions", read_only=True)
    actions = serializers.ListField(source="current.actions", child=serializers.DictField(), read_only=True)
    version = serializers.IntegerField(source="current.number", read_only=True)
    is_edited = serializers.SerializerMethodField(help_text="Whether staff changed a delivered rule.")
    sentence = serializers.SerializerMethodField(help_text="The rule in plain words.")

    class Meta:
        model = Rule
        fields = (
            "id", "location", "key", "name", "trigger", "every", "anchor", "priority", "is_active", "is_shadow",
            "paused_reason", "is_seeded", "is_edited", "version", "conditions", "actions", "sentence",
            "created_at", "updated_at",
        )  # fmt: skip

    def get_is_edited(self, rule: Rule) -> bool:
        return rule.is_edited

    def get_sentence(self, rule: Rule) -> str:
        return selectors.sentence(rule)


class FiguresSerializer(serializers.Serializer):
    """Of the last so many days."""

    runs = serializers.IntegerField(help_text="How often it met something.")
    matched = serializers.IntegerField(help_text="How often its conditions held.")
    done = serializers.IntegerField(help_text="Steps that were done.")
    skipped = serializers.IntegerField(help_text="Steps that were not needed.")
    failed = serializers.IntegerField(help_text="Steps that failed.")
    messages = serializers.IntegerField(help_text="Texts it put in line.")


class StatisticsSerializer(serializers.Serializer):
    last_7_days = FiguresSerializer()
    last_30_days = FiguresSerializer()
    last_run = serializers.DateTimeField(
        allow_null=True, help_text="When its conditions last held; null: not in 30 days."
    )


class RuleDetailSerializer(RuleSerializer):
    """A rule with what it did lately."""

    statistics = serializers.SerializerMethodField()

    class Meta(RuleSerializer.Meta):
        fields = (*RuleSerializer.Meta.fields, "statistics")  # type: ignore[assignment]

    @extend_schema_field(StatisticsSerializer)
    def get_statistics(self, rule: Rule) -> Any:
        found = statistics.of_rules([rule.pk], clock.now())[rule.pk]
        return StatisticsSerializer(found.as_dict()).data


class RuleChange(serializers.Serializer):
    """What a rule says. Conditions and actions are checked by the service, which names the path of each error."""

    name = serializers.CharField(max_length=120)
    trigger = serializers.ChoiceField(choices=triggers.CHOICES)
    every = serializers.ChoiceField(choices=Rule.Every.choices, required=False, default="", allow_blank=True)
    anchor = serializers.ChoiceField(choices=anchors.CHOICES, required=False, default="", allow_blank=True)
    priority = serializers.IntegerField(min_value=0, max_value=10_000, required=False, default=100)
    is_active = serializers.BooleanField(required=False, default=True)
    is_shadow = serializers.BooleanField(
        required=False, default=False, help_text="While it is on: recorded, nothing is done."
    )
    conditions = serializers.DictField(required=False, default=dict)
    actions = serializers.ListField(child=serializers.DictField(), allow_empty=False)


class NewRule(RuleChange):
    location = PublicIdField(queryset=Location.objects.all(), required=False)
    key = serializers.SlugField(max_length=60)


class DryRunInput(serializers.Serializer):
    """A contact as they are now, or an event as it happened."""

    contact_id = PublicIdField(
        queryset=Contact.objects.live().select_related("location"), required=False, default=None
    )
    event_id = PublicIdField(queryset=Event.objects.all(), required=False, default=None)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if (attrs["contact_id"] is None) == (attrs["event_id"] is None):
            raise serializers.ValidationError({"contact_id": "Give either a contact or an event."})
        return attrs


class SeenSerializer(serializers.Serializer):
    """One comparison."""

    path = serializers.CharField()
    field = serializers.CharField()
    op = serializers.CharField()
    wanted = serializers.JSONField()
    saw = serializers.JSONField()
    ok = serializers.BooleanField()


class RuleNameSerializer(PublicModelSerializer):
    class Meta:
        model = Rule
        fields = ("id", "key", "name")


class PlannedSerializer(serializers.Serializer):
    step = serializers.IntegerField()
    type = serializers.CharField()
    turn = serializers.CharField(help_text="do, skip or later")
    reason = serializers.CharField()
    run_at = serializers.DateTimeField()
    intent = serializers.JSONField(allow_null=True, help_text="What would be done.")


class PreviewSerializer(serializers.Serializer):
    """What a rule would do for a contact now, and why or why not."""

    rule = RuleNameSerializer()
    matched = serializers.BooleanField()
    outcome = serializers.CharField(help_text="matched, not_matched or stopped")
    reason = serializers.CharField()
    basis = serializers.CharField(help_text="What stood in for the event.")
    facts = serializers.DictField()
    seen = SeenSerializer(many=True)
    actions = PlannedSerializer(many=True)


class ActionRunSerializer(PublicModelSerializer):
    step = serializers.SerializerMethodField(help_text="From 1.")
    state = serializers.CharField(read_only=True, help_text="pending, done, skipped, held or failed")

    class Meta:
        model = ActionRun
        fields = ("id", "step", "type", "state", "run_at", "reason", "facts_seen", "result", "attempts")

    def get_step(self, row: ActionRun) -> int:
        return row.step + 1


class RunSerializer(PublicModelSerializer):
    """One rule met one event, or what a clock rule is about: what it saw, what it did, and why."""

    rule = RuleNameSerializer(read_only=True)
    version = serializers.IntegerField(source="version.number", read_only=True)
    contact = serializers.UUIDField(source="contact.public_id", default=None, read_only=True)
    booking = serializers.UUIDField(source="booking.public_id", default=None, read_only=True)
    state = serializers.CharField(
        read_only=True, help_text="matched (shadow), running, done, failed, not_matched or stopped"
    )
    event = serializers.SerializerMethodField()
    facts = serializers.SerializerMethodField()
    depth = serializers.SerializerMethodField(help_text="How many rules led here, this one included.")
    actions = ActionRunSerializer(many=True, read_only=True)

    class Meta:
        model = RuleRun
        fields = (
            "id", "rule", "version", "state", "reason", "contact", "booking", "event", "depth", "facts", "actions",
            "created_at", "finished_at",
        )  # fmt: skip

    @extend_schema_field(serializers.UUIDField(allow_null=True))
    def get_event(self, run: RuleRun) -> str | None:
        known: dict[int, Event] = self.context.get("events", {})
        event = known.get(run.event_id)
        return None if event is None else str(event.public_id)

    @extend_schema_field(serializers.DictField())
    def get_facts(self, run: RuleRun) -> dict[str, Any]:
        return run.facts.values if run.facts is not None else {}

    def get_depth(self, run: RuleRun) -> int:
        return len(run.chain)


class WhySerializer(serializers.Serializer):
    """What rules did about a contact, newest first, and what each would do now."""

    runs = RunSerializer(many=True)
    why_not = PreviewSerializer(many=True)


class EventSerializer(PublicModelSerializer):
    """One fact of the log. People and visits stand by their public ids."""

    location = serializers.SerializerMethodField()
    contact = serializers.SerializerMethodField()
    booking = serializers.SerializerMethodField()
    cause = serializers.SerializerMethodField(help_text="Who or what started it.")

    class Meta:
        model = Event
        fields = (
            "id", "type", "location", "contact", "booking", "occurred_at", "recorded_at", "source", "cause", "depth",
            "data",
        )  # fmt: skip

    depth = serializers.IntegerField(read_only=True)

    def _public(self, kind: str, pk: int | None) -> str | None:
        return self.context["public_ids"][kind].get(pk)

    @extend_schema_field(serializers.UUIDField(allow_null=True))
    def get_location(self, event: Event) -> str | None:
        return self._public("location", event.location_id)

    @extend_schema_field(serializers.UUIDField(allow_null=True))
    def get_contact(self, event: Event) -> str | None:
        return self._public("contact", event.contact_id)

    @extend_schema_field(serializers.UUIDField(allow_null=True))
    def get_booking(self, event: Event) -> str | None:
        return self._public("booking", event.booking_id)

    @extend_schema_field(serializers.DictField(child=serializers.CharField()))
    def get_cause(self, event: Event) -> dict[str, str]:
        return {"kind": event.cause_kind, "id": event.cause_id}


def public_ids(events: Iterable[Event]) -> dict[str, dict[int, str]]:
    """The public ids of what events speak of, by kind and key; one query for each kind."""
    rows = list(events)
    asked: dict[str, tuple[Any, set[int | None]]] = {
        "location": (Location, {event.location_id for event in rows}),
        "contact": (Contact, {event.contact_id for event in rows}),
        "booking": (Booking, {event.booking_id for event in rows}),
    }
    found: dict[str, dict[int, str]] = {}
    for kind, (model, ids) in asked.items():
        pairs = model.objects.filter(pk__in=ids - {None}).values_list("pk", "public_id")
        found[kind] = {pk: str(public_id) for pk, public_id in pairs}
    return found


class ComingSerializer(serializers.Serializer):
    """A text or e-mail that will go, or would but for `reason`; `message` or `step` is what can be withdrawn."""

    send_at = serializers.DateTimeField()
    template = serializers.CharField()
    channel = serializers.CharField()
    subject = serializers.CharField()
    body = serializers.CharField()
    will_go = serializers.BooleanField()
    end = serializers.CharField(help_text="sent, or the state it will end in")
    reason = serializers.CharField()
    rule = serializers.CharField(allow_null=True)
    message = serializers.CharField(allow_null=True)
    step = serializers.CharField(allow_null=True)


class UpcomingSerializer(serializers.Serializer):
    until = serializers.DateTimeField()
    results = ComingSerializer(many=True)
