"""Small parts of the staff's admin: links by public id, the location filter, read-only inlines."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib.admin import AllValuesFieldListFilter, RelatedFieldListFilter, SimpleListFilter
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import ValidationError
from django.core.paginator import Page, Paginator
from django.db import models
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold.admin import StackedInline, TabularInline
from unfold.views import ChangeList

from accounts import access, roles
from accounts.staff_links import change_url
from core.causes import Cause
from core.errors import DomainError


def cause_of(request: HttpRequest) -> Cause:
    """The person at the desk, as the cause of what services change."""
    return Cause.user(str(request.user.pk))


class BoundedPaginator(Paginator):
    """Counts no further than a person would page: a million rows cost more to count than forty to show. What stands
    beside a row is looked up for the rows of the page, not for all that are passed over on the way to it.
    """

    most = 10_000

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[: self.most].count())

    def page(self, number: Any) -> Page:
        found = super().page(number)
        if found.number > 1:
            passed: Any = found.object_list
            rows: Any = self.object_list
            found.object_list = rows.filter(pk__in=list(passed.values_list("pk", flat=True)))
        return found


class Badge(tuple[str, str]):
    """What a column with `@display(label=…)` shows as a coloured label: the code that decides the colour, and the
    words. In a form, where the theme draws no label, it reads as its words.
    """

    def __new__(cls, code: str, words: str) -> Badge:
        return super().__new__(cls, (str(code), str(words)))

    def __str__(self) -> str:
        return self[1]


class PublicChangeList(ChangeList):
    """Links rows by public id, and sorts by no column that is not offered for it: the theme would, when an address says
    so, and sort a whole table that has no index for it.
    """

    def get_ordering_field(self, field_name: Any) -> Any:
        return super().get_ordering_field(field_name) if field_name in self.sortable_by else None

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
        return access.within(queryset, models.Q(**{path: chosen}), path)


class SeenRelatedFilter(RelatedFieldListFilter):
    """Filter by rows of another model: all that the person may see there, used or not."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        seen = access.visible(field.related_model, request.user).values("pk")
        return field.get_choices(include_blank=False, limit_choices_to={"pk__in": seen})


class NewestValuesFilter(AllValuesFieldListFilter):
    """Filter by the values that a column has in the newest rows: looking for every value there ever was would read the
    table to its end. What is chosen is offered in any case.
    """

    newest = 2_000

    def __init__(
        self, field: Any, request: HttpRequest, params: Any, model: Any, model_admin: Any, field_path: str
    ) -> None:
        super().__init__(field, request, params, model, model_admin, field_path)
        rows = access.visible(model, request.user).order_by("-pk").values_list(field_path, flat=True)
        try:
            chosen = [field.to_python(value) for value in self.lookup_val or ()]
        except ValidationError as error:
            raise IncorrectLookupParameters(error) from error
        self.lookup_choices: Any = sorted({*rows[: self.newest], *chosen} - {None})


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
