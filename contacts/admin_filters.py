"""What the contact list is narrowed by."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter

from contacts import pipeline, scoring
from contacts.models import Contact


class BandFilter(admin.SimpleListFilter):
    """By temperature."""

    title = "warmness"
    parameter_name = "warmness"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("hot", "Hot, 70 and more"), ("warm", "Warm, 40 to 69"), ("cool", "Cool, below 40")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Contact]) -> QuerySet[Contact]:
        bounds = scoring.BANDS.get(self.value() or "")
        return queryset.filter(warmness_score__range=bounds) if bounds else queryset


class StageFilter(DropdownFilter):
    """By place in a pipeline."""

    title = "stage"
    parameter_name = "place"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(place), pipeline.label(place)) for place in pipeline.STAGE_LABELS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Contact]) -> QuerySet[Contact]:
        name, _, stage = (self.value() or "").partition("/")
        return queryset.filter(current_pipeline=name, current_stage=stage) if stage else queryset


class HiddenFilter(admin.SimpleListFilter):
    """Hidden contacts are shown only when asked for."""

    title = "hidden"
    parameter_name = "hidden"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Hidden contacts")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Contact]) -> QuerySet[Contact]:
        return queryset.filter(deleted_at__isnull=self.value() != "yes", merged_into__isnull=True)
