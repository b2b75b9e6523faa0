"""Saved segments over HTTP."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_view, inline_serializer
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Location
from automation import segments
from automation.models import SavedSegment
from core.api import BaseViewSet, Creating, Deleting, PublicIdField, PublicModelSerializer, Updating


class SegmentSerializer(PublicModelSerializer):
    """People found by conditions on what is known of them now."""

    location = serializers.UUIDField(source="location.public_id", read_only=True)
    sentence = serializers.SerializerMethodField(help_text="The conditions in plain words.")

    class Meta:
        model = SavedSegment
        fields = ("id", "location", "name", "conditions", "sentence", "created_at", "updated_at")

    def get_sentence(self, segment: SavedSegment) -> str:
        return segments.sentence(segment.conditions)


class SegmentChange(serializers.Serializer):
    """Conditions are checked by the service, which names the path of each error."""

    name = serializers.CharField(max_length=120)
    conditions = serializers.DictField()


class NewSegment(SegmentChange):
    location = PublicIdField(queryset=Location.objects.all(), required=False)


class PreviewInput(serializers.Serializer):
    conditions = serializers.DictField()
    location = PublicIdField(queryset=Location.objects.all(), required=False)


COUNT = inline_serializer(
    "SegmentCount",
    {
        "sentence": serializers.CharField(),
        "people": serializers.IntegerField(),
        "at_least": serializers.BooleanField(help_text="There are more, which were not looked at."),
    },
)


@extend_schema_view(
    create=extend_schema(request=NewSegment, responses={201: SegmentSerializer}),
    update=extend_schema(request=SegmentChange, responses=SegmentSerializer),
    partial_update=extend_schema(request=SegmentChange, responses=SegmentSerializer),
)
class SegmentViewSet(Creating, Updating, Deleting, BaseViewSet):
    """Saved segments, by name."""

    queryset = SavedSegment.objects.select_related("location")
    serializer_class = SegmentSerializer
    write_serializer_class = SegmentChange
    ordering_fields = ("name", "created_at")
    search_fields = ("name",)

    def get_serializer_class(self) -> Any:
        return NewSegment if self.action == "create" else super().get_serializer_class()

    def create_through(self, data: dict[str, Any]) -> SavedSegment:
        location = self.location(getattr(data.pop("location", None), "public_id", None))
        return segments.create_segment(location=location, cause=self.cause, **data)

    def update_through(self, row: SavedSegment, data: dict[str, Any]) -> SavedSegment:
        return segments.save_segment(row.pk, cause=self.cause, **data)

    def delete_through(self, row: SavedSegment) -> None:
        segments.delete_segment(row.pk, cause=self.cause)

    @extend_schema(request=None, responses=COUNT)
    @action(detail=True, methods=["get"], gate_action="read")
    def count(self, request: Request, id: str) -> Response:
        """How many people are in it now."""
        segment = self.get_object()
        return _counted(segment.location, segment.conditions)

    @extend_schema(request=PreviewInput, responses=COUNT)
    @action(detail=False, methods=["post"], gate_action="read")
    def preview(self, request: Request) -> Response:
        """How many people would be in a segment of these conditions. Saves nothing."""
        data = self.validated(PreviewInput)
        return _counted(self.location(getattr(data.get("location"), "public_id", None)), data["conditions"])


def _counted(location: Location, raw: Any) -> Response:
    node = segments.parse(raw)
    found = segments.count(location, node)
    return Response({"sentence": segments.sentence(raw), "people": found.people, "at_least": found.at_least})
