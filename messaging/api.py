"""Messages, conversations and templates over HTTP."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema, extend_schema_field, inline_serializer
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import access
from bookings.models import Booking
from contacts.models import Contact
from core.api import BaseViewSet, Creating, PublicIdField, PublicModelSerializer, ReadViewSet, Updating
from core.errors import Invalid
from messaging import reasons, safety, segments, services
from messaging.bulk_api import BulkViewSet
from messaging.models import Channel, Conversation, Direction, Message, Status, Template
from messaging.talk_api import ConversationFilter, TalkMoves

#: Messages of a conversation that its detail holds, newest first; the rest through /api/messages.
THREAD = 100


class MessageContactSerializer(PublicModelSerializer):
    class Meta:
        model = Contact
        fields = ("id", "name", "phone")


class MessageSerializer(PublicModelSerializer):
    """A text, outward or inward, with why it stands where it stands."""

    contact = MessageContactSerializer(read_only=True)
    conversation = serializers.UUIDField(source="conversation.public_id", read_only=True)
    template = serializers.CharField(source="template.name", default=None, read_only=True)
    booking = serializers.UUIDField(source="booking.public_id", default=None, read_only=True)
    provider = serializers.CharField(source="provider_account.provider", default=None, read_only=True)
    cost = serializers.IntegerField(source="cost_cents", read_only=True, help_text="Cents.")
    why = serializers.SerializerMethodField(help_text="The reason in words.")

    class Meta:
        model = Message
        fields = (
            "id", "contact", "conversation", "channel", "direction", "body", "template", "purpose", "category",
            "status", "reason", "why", "intent", "booking", "send_at", "expires_at", "sent_at", "delivered_at",
            "received_at", "provider", "segments", "cost", "created_at",
        )  # fmt: skip

    def get_why(self, message: Message) -> str:
        return reasons.words(message.reason)


MESSAGES = Message.objects.select_related(
    "contact", "conversation", "template", "booking", "provider_account"
)


class MessageFilter(django_filters.FilterSet):
    """By contact, conversation, visit and state."""

    contact = django_filters.UUIDFilter(field_name="contact__public_id")
    conversation = django_filters.UUIDFilter(field_name="conversation__public_id")
    booking = django_filters.UUIDFilter(field_name="booking__public_id")
    template = django_filters.CharFilter(field_name="template__name")
    direction = django_filters.ChoiceFilter(choices=Direction.choices)
    status = django_filters.MultipleChoiceFilter(choices=Status.choices)
    channel = django_filters.ChoiceFilter(choices=Channel.choices)
    created_after = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Message
        fields = ("reason", "purpose", "category", "intent")


class MessageViewSet(ReadViewSet):
    """Every message, newest first."""

    queryset = MESSAGES
    serializer_class = MessageSerializer
    filterset_class = MessageFilter
    ordering_fields = ("created_at",)
    search_fields = ("body",)


class ConversationSerializer(PublicModelSerializer):
    """All messages of one person on one channel; `unseen` while the person's last word was not looked at."""

    contact = MessageContactSerializer(read_only=True)
    assigned_to = serializers.UUIDField(source="assigned_to.public_id", default=None, read_only=True)
    unseen = serializers.BooleanField(read_only=True)

    class Meta:
        model = Conversation
        fields = (
            "id", "contact", "channel", "state", "handled_by", "assigned_to", "unseen", "seen_at", "snoozed_until",
            "last_message_at", "last_inbound_at", "created_at",
        )  # fmt: skip


class ConversationDetailSerializer(ConversationSerializer):
    messages = serializers.SerializerMethodField()

    class Meta:
        model = Conversation
        fields = (*ConversationSerializer.Meta.fields, "messages")

    @extend_schema_field(MessageSerializer(many=True))
    def get_messages(self, conversation: Conversation) -> list[dict[str, Any]]:
        newest = MESSAGES.filter(conversation=conversation).order_by("-id")[:THREAD]
        return list(MessageSerializer(newest, many=True, context=self.context).data)


class ReplyInput(serializers.Serializer):
    message = serializers.CharField(max_length=1600)


class SendInput(serializers.Serializer):
    contact_id = PublicIdField(queryset=Contact.objects.live().select_related("location"))
    message = serializers.CharField(max_length=1600, required=False, allow_blank=True, default="")
    template = serializers.CharField(max_length=60, required=False, allow_blank=True, default="")
    booking_id = PublicIdField(queryset=Booking.objects.all(), required=False, allow_null=True, default=None)


SENT = inline_serializer(
    "MessageSent", {"success": serializers.BooleanField(), "message": MessageSerializer()}
)


class SmsViewSet(BaseViewSet):
    """Writing to a contact."""

    queryset = MESSAGES
    serializer_class = MessageSerializer
    http_method_names = ["post", "options"]

    @extend_schema(request=SendInput, responses=SENT)
    @action(detail=False, methods=["post"], gate_action="create")
    def send(self, request: Request) -> Response:
        """Send a text or a template now. `success` is false when it was not put in line; `message` says why.

        An `Idempotency-Key` header makes a repetition find the first request's message.
        """
        data = self.validated(SendInput)
        contact, booking = data["contact_id"], data["booking_id"]
        access.check(request.user, "create", "messages", contact.location)
        if booking is not None and booking.contact_id != contact.pk:
            raise Invalid("That booking is another contact's.", fields={"booking_id": "not theirs"})
        result = services.send_text(
            contact_id=contact.pk, body=data["message"], template=data["template"], cause=self.cause,
            booking_id=booking.pk if booking else None, key=_key(request),
        )  # fmt: skip
        return _sent(self, result)


class ConversationViewSet(TalkMoves, BaseViewSet):
    """Conversations, the latest first."""

    queryset = Conversation.objects.select_related("contact", "assigned_to")
    serializer_class = ConversationSerializer
    filterset_class = ConversationFilter
    ordering_fields = ("created_at",)
    search_fields = ("contact__name",)

    def get_serializer_class(self) -> Any:
        return ConversationDetailSerializer if self.action == "retrieve" else ConversationSerializer

    @extend_schema(request=ReplyInput, responses=SENT)
    @action(detail=True, methods=["post"], gate_action="create")
    def reply(self, request: Request, id: str) -> Response:
        """Answer in a conversation."""
        conversation = self.get_object()
        text = self.validated(ReplyInput)["message"]
        result = services.send_text(
            contact_id=conversation.contact_id, body=text, cause=self.cause, key=_key(request)
        )
        services.mark_seen(conversation_id=conversation.pk)
        return _sent(self, result)


class FindingSerializer(serializers.Serializer):
    """One thing the linter says: an error keeps the text from being saved, a warning is to be weighed."""

    level = serializers.ChoiceField(choices=("error", "warning"))
    code = serializers.CharField()
    text = serializers.CharField()


class TemplateSerializer(PublicModelSerializer):
    """A template with how its text travels."""

    encoding = serializers.SerializerMethodField(help_text="GSM-7 or UCS-2, before values are put in.")
    segments = serializers.SerializerMethodField()
    versions = serializers.SerializerMethodField(help_text="How many wordings it had.")
    findings = serializers.SerializerMethodField(help_text="What the linter says of the text.")

    class Meta:
        model = Template
        fields = (
            "id", "name", "channel", "category", "purpose", "language", "subject", "body", "asks_answer", "is_active",
            "encoding", "segments", "versions", "findings", "created_at", "updated_at",
        )  # fmt: skip

    def get_encoding(self, template: Template) -> str:
        return segments.measure(template.body).encoding

    def get_segments(self, template: Template) -> int:
        return segments.measure(template.body).count

    def get_versions(self, template: Template) -> int:
        return len(template.versions.all())

    @extend_schema_field(FindingSerializer(many=True))
    def get_findings(self, template: Template) -> list[dict[str, str]]:
        known: dict[int, list[str]] = self.root.__dict__.setdefault("telling_services", {})
        if template.location_id not in known:
            known[template.location_id] = safety.telling_services(template.location)
        return [asdict(found) for found in safety.of_template(template, services=known[template.location_id])]


class TemplateChange(serializers.ModelSerializer):
    """What may be edited. Another wording makes a new version."""

    class Meta:
        model = Template
        fields = ("subject", "body", "category", "purpose", "asks_answer", "is_active")


class TemplateInput(serializers.ModelSerializer):
    """A new template."""

    class Meta:
        model = Template
        fields = ("name", "channel", "language", *TemplateChange.Meta.fields)


class TemplateViewSet(Creating, Updating, BaseViewSet):
    """The clinic's wordings."""

    queryset = Template.objects.select_related("location").prefetch_related("versions")
    serializer_class = TemplateSerializer
    write_serializer_class = TemplateChange
    filterset_fields = ("name", "channel", "category", "purpose", "is_active")
    ordering_fields = ("name", "created_at")
    search_fields = ("name", "body")

    def get_serializer_class(self) -> Any:
        return TemplateInput if self.action == "create" else super().get_serializer_class()

    def create_through(self, data: dict[str, Any]) -> Template:
        if not data.get("name"):
            raise Invalid("A template needs a name.", fields={"name": "missing"})
        return services.create_template(location_id=self.location().pk, cause=self.cause, **data)

    def update_through(self, row: Template, data: dict[str, Any]) -> Template:
        return services.save_template(template_id=row.pk, cause=self.cause, **data)


def _key(request: Request) -> str:
    return str(request.headers.get("Idempotency-Key", ""))[:100]


def _sent(view: BaseViewSet, result: services.QueueResult) -> Response:
    message = MESSAGES.get(pk=result.message.pk)
    view.note([message])
    going = message.status not in (Status.SUPPRESSED, Status.SKIPPED, Status.HELD, Status.EXPIRED)
    shown = MessageSerializer(message, context=view.get_serializer_context()).data
    return Response({"success": going, "message": shown})


routes = [
    ("messages", MessageViewSet, "message"),
    ("conversations", ConversationViewSet, "conversation"),
    ("templates", TemplateViewSet, "template"),
    # Before `sms`, whose own addresses end in an id.
    ("sms/bulk", BulkViewSet, "bulk"),
    ("sms", SmsViewSet, "sms"),
]
