"""Lists are paged by cursor, so that rows arriving meanwhile neither repeat nor hide others."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model
from rest_framework import exceptions
from rest_framework.pagination import CursorPagination as BaseCursorPagination

from core.numbers import whole


class CursorPagination(BaseCursorPagination):
    """`results`, `next`, `previous`; `?page_size=` up to 200; ties are settled by the row's own key.

    A cursor remembers the first ordering column, so that one may never be null.
    """

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
    ordering = ("-id",)

    def get_ordering(self, request: Any, queryset: Any, view: Any) -> tuple[str, ...]:
        chosen = tuple(super().get_ordering(request, queryset, view))
        _refuse_null(queryset.model, chosen[0])
        if any(name.lstrip("-") in ("id", "pk") for name in chosen):
            return chosen
        return (*chosen, "-id" if chosen[0].startswith("-") else "id")

    def decode_cursor(self, request: Any) -> Any:
        try:
            return super().decode_cursor(request)
        except exceptions.NotFound:
            raise exceptions.ParseError(
                "This page's cursor cannot be read. Start again from the first page."
            ) from None

    def get_page_size(self, request: Any) -> int:
        asked = request.query_params.get(self.page_size_query_param)
        if asked is not None and not whole(asked):
            raise exceptions.ValidationError(
                {self.page_size_query_param: ["Give a whole number from 1 to 200."]}
            )
        return super().get_page_size(request) or self.page_size


def _refuse_null(model: type[Model], ordering: str) -> None:
    name = ordering.lstrip("-")
    field = next((f for f in model._meta.get_fields() if f.name == name), None)
    if field is not None and getattr(field, "null", False):
        raise ImproperlyConfigured(f"{model._meta.label}.{name} may be null, so lists cannot be paged by it.")
