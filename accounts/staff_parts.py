"""Small parts of the staff's admin: links by public id, the location filter, read-only inlines."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib.admin import SimpleListFilter
from django.contrib.admin.utils import quote
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db import models
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import StackedInline, TabularInline
from unfold.views import ChangeList

from accounts import access, roles
from core.causes import Cause
from core.errors import DomainError


def cause_of(request: HttpRequest) -> Cause:
    """The person at the desk, as the cause of what services change."""
    return Cause.user(str(request.user.pk))


class BoundedPaginator(Paginator):
    """Counts no further than a person would page: a million rows cost more to count than forty to show."""

    most = 10_000

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[: self.most].count())


class Badge(tuple[str, str]):
    """What a column with `@display(label=…)` shows as a coloured label: the code that decides the colour, and the
    words. In a form, where the theme draws no label, it reads as its words.
    """

    def __new__(cls, code: str, words: str) -> Badge:
        return super().__new__(cls, (str(code), str(words)))

    def __str__(self) -> str:
        return self[1]


def change_url(row: models.Model) -> str:
    """The row's page in the admin, by public id where it has one."""
    key = getattr(row, "public_id", None) or quote(row.pk)
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=(key,))


def link_to(row: models.Model | None, text: object = None) -> SafeString | str:
    """A link to the row's page, for columns and read-only fields; "-" for no row."""
    return "-" if row is None else format_html('<a href="{}">{}</a>', change_url(row), text or str(row))


class PublicChangeList(ChangeList):
    """Links rows by public id."""

    def url_for_result(self, result: Any) -> str:
        return change_url(result)


class RefusedForm(forms.ModelForm):
    """Shows what a service refused beside the fields it named, with everything typed kept."""

    refusal: ClassVar[DomainError | ValidationError]

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        refusal = self.refusal
        if isinstance(refusal, ValidationError):
            named = refusal.message_dict if hasattr(refusal, "error_dict") else {"": refusal.messages}
            general = ""
        else:
            named, general = refusal.fields, refusal.message
        if general:
            self.add_error(None, general)
        for name, wrong in named.items():
            known = name in self.fields
            self.add_error(
                name if known else None, list(wrong) if known else [f"{name} {w}".strip() for w in wrong]
            )


class LocationFilter(SimpleListFilter):
    """Filter by clinic, offering only those the person works in; hidden when there is just one."""

    title = "location"
    parameter_name = "location"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(row.code, row.name) for row in access.locations(request.user)]

    def has_output(self) -> bool:
        return len(self.lookup_choices) > 1

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        if not self.value():
            return queryset
        chosen = access.locations(request.user).filter(code=self.value()).values_list("pk", flat=True).first()
        if chosen is None:
            return queryset.none()
        path = access.access_of(queryset.model).location
        keys = queryset.model._default_manager.filter(**{path: chosen}).values("pk")
        return queryset.filter(pk__in=keys)


class _ReadOnly:
    """Rows of another model on a change page: scoped, seen, never edited there."""

    extra = 0
    can_delete = False
    show_change_link = False  # it would carry the inner key; show a column made with `link_to` instead

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        return access.visible(super().get_queryset(request), request.user)  # type: ignore[misc]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return access.allowed(request.user, roles.READ, access.resource_of(self.model))  # type: ignore[attr-defined]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyInline(_ReadOnly, TabularInline):
    """As a table."""


class ReadOnlyStackedInline(_ReadOnly, StackedInline):
    """As blocks."""
