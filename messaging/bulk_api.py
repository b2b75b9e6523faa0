"""Texts to many over HTTP: looked at first, then confirmed, watched, cancelled."""

from __future__ import annotations

from typing import Any, cast

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import access
from accounts.models import Location, User
from contacts.models import Contact
from core.api import BaseViewSet, Creating, PublicIdField, PublicModelSerializer
from core.errors import Invalid
from messaging import audiences, bulk, reasons
from messaging.bulk import NewBulk
from messaging.models import BulkSend, Purpose


class CountSerializer(serializers.Serializer):
    """People or messages by reason."""

    reason = serializers.CharField()
    why = serializers.CharField()
    count = serializers.IntegerField()


class BulkSerializer(PublicModelSerializer):
    """One text to many and how far it is."""

    location = serializers.UUIDField(source="location.public_id", read_only=True)
    template = serializers.CharField(source="template.name", default=None, read_only=True)
    text = serializers.SerializerMethodField(help_text="With its placeholders.")
    progress = serializers.SerializerMethodField()

    class Meta:
        model = BulkSend
        fields = (
            "id", "location", "label", "audience", "template", "text", "purpose", "state", "looked_at", "recipients",
            "same_number", "progress", "created_at", "confirmed_at", "finished_at",
        )  # fmt: skip

    def get_text(self, row: BulkSend) -> str:
        return bulk.body_of(row)

    @extend_schema_field(serializers.DictField())
    def get_progress(self, row: BulkSend) -> dict[str, Any] | None:
        if row.state == BulkSend.State.DRAFT or not self.context.get("detail"):
            return None
        found = bulk.progress(row)
        return {
            "queued": found.queued, "sent": found.sent, "left": found.left, "by_status": found.by_status,
            "not_sent": [
                {"reason": reason, "why": reasons.words(reason), "count": count}
                for reason, count in sorted(found.not_sent.items())
            ],
            "cost": found.cost_cents,
        }  # fmt: skip


class BulkPreviewSerializer(serializers.Serializer):
    """What a send would do now; costs in cents, times in seconds."""

    people = serializers.IntegerField()
    going = serializers.IntegerField()
    left_out = CountSerializer(many=True)
    waiting = CountSerializer(many=True)
    segments = serializers.ListField(child=serializers.DictField())
    cost_each = serializers.IntegerField()
    cost = serializers.IntegerField()
    held_back = serializers.IntegerField(help_text="How many the day's cost cap leaves for later days.")
    seconds = serializers.IntegerField(help_text="How long it takes at the sender's rate.")
    sample = serializers.CharField(help_text="The text as one person would read it.")
    findings = serializers.ListField(child=serializers.DictField())


class BulkAnswer(BulkSerializer):
    """With `preview` as long as it is a draft."""

    preview = serializers.SerializerMethodField()

    class Meta(BulkSerializer.Meta):
        fields = (*BulkSerializer.Meta.fields, "preview")  # type: ignore[assignment]

    @extend_schema_field(BulkPreviewSerializer)
    def get_preview(self, row: BulkSend) -> dict[str, Any] | None:
        if row.state != BulkSend.State.DRAFT:
            return None
        return bulk.preview(row, cast(User, self.context["request"].user)).as_dict()


class BulkInput(serializers.Serializer):
    """Either a segment or contacts; either a template or a message with its purpose."""

    segment = serializers.UUIDField(required=False, allow_null=True, default=None)
    contact_ids = serializers.ListField(
        child=serializers.UUIDField(), required=False, default=list, max_length=audiences.MOST
    )
    template = serializers.CharField(max_length=60, required=False, allow_blank=True, default="")
    message = serializers.CharField(max_length=1600, required=False, allow_blank=True, default="")
    purpose = serializers.ChoiceField(choices=Purpose.choices, required=False, allow_blank=True, default="")
    location = PublicIdField(queryset=Location.objects.all(), required=False)
    confirm = serializers.BooleanField(required=False, default=False)


class BulkViewSet(Creating, BaseViewSet):
    """Texts to many, newest first.

    POST drafts one and answers with its preview; nothing is sent before `…/confirm`, or `"confirm": true` by who has
    seen it. An `Idempotency-Key` header makes a repetition find the first request's send.
    """

    queryset = BulkSend.objects.select_related("location", "template")
    serializer_class = BulkSerializer
    write_serializer_class = BulkInput
    filterset_fields = ("state",)
    ordering_fields = ("created_at",)
    search_fields = ("label",)

    def get_serializer_class(self) -> Any:
        return BulkAnswer if self.action == "retrieve" else super().get_serializer_class()

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "detail": self.action != "list"}

    @extend_schema(request=BulkInput, responses={201: BulkAnswer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        data = self.validated()
        location = self.location(getattr(data.get("location"), "public_id", None))
        row = bulk.draft(
            location=location, user=self._user, wanted=self._wanted(data, location), cause=self.cause
        )
        if data["confirm"]:
            row = bulk.confirm(row.pk, user=self._user, cause=self.cause)
        return self._shown(row, status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=BulkAnswer)
    @action(detail=True, methods=["post"], gate_action="create")
    def confirm(self, request: Request, id: str) -> Response:
        """Send it. Said twice, it is sent once."""
        row = self.get_object()
        return self._shown(bulk.confirm(row.pk, user=self._user, cause=self.cause))

    @extend_schema(request=None, responses=BulkAnswer)
    @action(detail=True, methods=["post"], gate_action="update")
    def cancel(self, request: Request, id: str) -> Response:
        """Withdraw what has not gone out."""
        row = self.get_object()
        return self._shown(bulk.cancel(row.pk, cause=self.cause))

    @property
    def _user(self) -> User:
        return cast(User, self.request.user)

    def _wanted(self, data: dict[str, Any], location: Location) -> NewBulk:
        if (data["segment"] is None) == (not data["contact_ids"]):
            raise Invalid(
                "Give either a segment or contact_ids.", fields={"segment": "Give this, or contact_ids."}
            )
        return NewBulk(
            audience=audiences.CONTACTS if data["segment"] is None else "segment",
            audience_ref="" if data["segment"] is None else str(data["segment"]),
            contact_ids=self._ids(data["contact_ids"], location), template=data["template"],
            message=data["message"], purpose=data["purpose"], key=self.request.headers.get("Idempotency-Key", "")[:100],
        )  # fmt: skip

    def _ids(self, public_ids: list[Any], location: Location) -> list[int]:
        """Inner ids of visible contacts of this location. Raises Invalid when one is not among them."""
        if not public_ids:
            return []
        rows = access.visible(Contact.objects.live(), self._user).filter(location=location)
        found = dict(rows.filter(public_id__in=public_ids).values_list("public_id", "pk"))
        missing = [str(one) for one in public_ids if one not in found]
        if missing:
            raise Invalid(
                f"{len(missing)} of these contacts are not at this location.",
                fields={"contact_ids": [f"There is no contact {one}." for one in missing[:20]]},
            )
        return list(found.values())

    def _shown(self, row: BulkSend, http_status: int = status.HTTP_200_OK) -> Response:
        fresh = self.queryset.get(pk=row.pk)
        self.note([fresh])
        shown = BulkAnswer(fresh, context=self.get_serializer_context()).data
        return Response(shown, status=http_status)
