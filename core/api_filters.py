"""Ordering and searching by what a view lists, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rest_framework import exceptions, filters


class OrderingFilter(filters.OrderingFilter):
    """`?ordering=-created_at`: only names in the view's `ordering_fields`; others are refused, not
    ignored.
    """

    def get_valid_fields(self, queryset: Any, view: Any, context: Any = None) -> list[tuple[str, str]]:
        allowed = getattr(view, "ordering_fields", None) or ()
        return [(item, item) if isinstance(item, str) else item for item in allowed]

    def remove_invalid_fields(
        self, queryset: Any, fields: Iterable[str], view: Any, request: Any
    ) -> list[str]:
        known = {item[0] for item in self.get_valid_fields(queryset, view)}
        asked = list(fields)
        wrong = [name for name in asked if name.removeprefix("-") not in known]
        if wrong:
            choices = ", ".join(sorted(known)) or "nothing"
            raise exceptions.ValidationError(
                {"ordering": [f"Cannot order by {', '.join(wrong)}; use {choices}."]}
            )
        return asked


class SearchFilter(filters.SearchFilter):
    """`?search=`: matches the view's `search_fields`."""
