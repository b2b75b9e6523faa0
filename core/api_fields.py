"""Serializer parts shared by every app: public ids instead of keys."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.api_gate import gate
from core.fields import EncryptedJSONField

#: Outside these years a time is a slip of the hand, and sums with it leave what a date can hold.
YEARS = range(1900, 2200)


class PublicModelSerializer(serializers.ModelSerializer):
    """A model whose `id` outside is its public id."""

    serializer_field_mapping: ClassVar[dict[Any, Any]] = {
        **serializers.ModelSerializer.serializer_field_mapping,
        EncryptedJSONField: serializers.JSONField,
    }

    id = serializers.UUIDField(source="public_id", read_only=True)


class MomentField(serializers.DateTimeField):
    """An instant that somebody gives. Without an offset it is refused: it would mean another hour in every zone."""

    default_error_messages: ClassVar[dict[str, Any]] = {
        "no_offset": "Give the time with its offset, such as 2026-12-01T15:00:00+11:00.",
        "out_of_range": "The year must be from {first} to {last}.",
    }

    def enforce_timezone(self, value: datetime) -> datetime:
        if value.tzinfo is None:
            self.fail("no_offset")
        if value.year not in YEARS:
            self.fail("out_of_range", first=YEARS[0], last=YEARS[-1])
        return super().enforce_timezone(value)


@extend_schema_field(OpenApiTypes.UUID)
class PublicIdField(serializers.SlugRelatedField):
    """Another row by its public id; a row the person may not see does not exist."""

    default_error_messages = {
        "does_not_exist": "There is no such {slug_name}: {value}.",
        "invalid": "That is not an id.",
    }

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("slug_field", "public_id")
        super().__init__(**kwargs)

    def get_queryset(self) -> QuerySet[Any]:
        return gate().visible(super().get_queryset(), self.context["request"].user)

    def to_internal_value(self, data: Any) -> Any:
        queryset = self.get_queryset()
        try:
            return queryset.get(public_id=data)
        except (queryset.model.DoesNotExist, ValidationError):
            name = queryset.model._meta.verbose_name
            self.fail("does_not_exist", slug_name=name, value=str(data)[:40])
        except (TypeError, ValueError):
            self.fail("invalid")

    def to_representation(self, obj: Any) -> str:
        return str(obj.public_id)
