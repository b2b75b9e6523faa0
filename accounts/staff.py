"""The admin as a door: what every ModelAdmin of ours stands on.

Rows come through the gate, addresses carry public ids, saving goes through services, logs are read-only.
"""

from __future__ import annotations

import json
from typing import Any, ClassVar, cast

from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.admin.options import get_content_type_for_model
from django.contrib.admin.utils import unquote
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.exceptions import ValidationError
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from unfold.admin import ModelAdmin
from unfold.dataclasses import UnfoldAction
from unfold.views import ChangeList

from accounts import access, live, roles
from accounts.models import Location, User
from accounts.moves import move_button, refusal_text
from accounts.staff_links import change_url, link_to
from accounts.staff_parts import (
    Badge,
    BoundedPaginator,
    LocationFilter,
    NewestValuesFilter,
    PublicChangeList,
    ReadOnlyInline,
    ReadOnlyStackedInline,
    RefusedForm,
    cause_of,
)
from core.api import PERSONAL
from core.api_audit import note
from core.errors import DomainError

__all__ = [
    "Badge",
    "LocationFilter",
    "ReadOnlyAdmin",
    "ReadOnlyInline",
    "ReadOnlyStackedInline",
    "ScopedAdmin",
    "cause_of",
    "change_url",
    "link_to",
    "move_button",
    "refusal_text",
]


class ScopedAdmin(ModelAdmin):
    """A ModelAdmin behind the gate.

    Subclasses implement `save_through` (and `delete_through` with `deletable = True`), list states in
    `readonly_fields`, and offer moves with `move_button` in `actions_detail` or `actions_row`; a move hides
    itself where the gate or its `when` says no.
    """

    change_list_template = "accounts/list.html"
    list_per_page = 40
    paginator = BoundedPaginator
    show_full_result_count = False
    warn_unsaved_form = True
    list_filter_sheet = False
    deletable: ClassVar[bool] = False
    empty_hint: ClassVar[str] = ""
    """What the list holds, for whoever finds it without a row."""

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        return access.visible(super().get_queryset(request), request.user)

    def _may(self, request: HttpRequest, action: str, obj: Any = None) -> bool:
        if isinstance(obj, str):
            obj = self.get_object(request, obj)
        if obj is None:
            return access.allowed(request.user, action, access.resource_of(self.model))
        return access.allowed_on(request.user, action, obj)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._may(request, roles.READ)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, roles.READ, obj)

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return self._may(request, roles.CREATE)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, roles.UPDATE, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.deletable and self._may(request, roles.DELETE, obj)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        # Deleting many at once would go round the services; deletion is one row, confirmed.
        return {
            name: entry for name, entry in super().get_actions(request).items() if name != "delete_selected"
        }

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The visible row with this public id (or inner key, for links that the framework draws); else None.

        A page that is only looked at reads its row once, however often the framework asks.
        """
        read: dict[Any, Any] = getattr(request, "rows_read", None) or {}
        request.rows_read = read  # type: ignore[attr-defined]
        key = (self.model, str(object_id), from_field)
        if request.method != "GET" or key not in read:
            read[key] = self._read(request, object_id, from_field)
        return read[key]

    def _read(self, request: HttpRequest, object_id: str, from_field: str | None) -> Any:
        wanted = unquote(str(object_id))
        by_key = from_field or (wanted.isascii() and wanted.isdigit()) or not self._has_public_id()
        path = (from_field or "pk") if by_key else "public_id"
        try:
            row = self.get_queryset(request).get(**{path: wanted})
        except (self.model.DoesNotExist, ValidationError, ValueError, OverflowError):
            return None
        self.note(request, [row])
        return row

    def _has_public_id(self) -> bool:
        return any(field.name == "public_id" for field in self.opts.concrete_fields)

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        """Whoever works in several clinics sees which one a row belongs to."""
        columns = tuple(super().get_list_display(request))
        theirs = any(field.name == "location" for field in self.opts.concrete_fields)
        if not theirs or "location" in columns or not _works_in_several(request):
            return columns
        return (*columns, "location")

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        return [
            (name, NewestValuesFilter) if self._wants_values(name) else name
            for name in super().get_list_filter(request)
        ]

    def _wants_values(self, name: Any) -> bool:
        """Whether this is a column of ours that says nowhere which values it may have."""
        field = next((field for field in self.opts.concrete_fields if field.name == name), None)
        if field is None or field.is_relation or field.flatchoices:
            return False
        return not isinstance(field, models.BooleanField | models.DateField)

    def get_list_select_related(self, request: HttpRequest) -> Any:
        wanted = super().get_list_select_related(request)
        shown = not isinstance(wanted, bool) and "location" in self.get_list_display(request)
        return [*wanted, "location"] if shown and "location" not in wanted else wanted

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return PublicChangeList

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        changelist = super().get_changelist_instance(request)
        self.note(request, changelist.result_list)
        return changelist

    def note(self, request: HttpRequest, rows: Any = (), *, fields: Any = ()) -> None:
        """Tell the audit row which rows and fields this request touched."""
        note(request, rows, fields=fields, personal=access.resource_of(self.model) in PERSONAL)

    def save_through(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> Any:
        """Call the service that makes or changes the row and return the row.

        `form.cleaned_data` holds the typed values, `form.changed_data` the names that differ.
        """
        raise NotImplementedError(f"{type(self).__name__} has to say which service saves it.")

    def delete_through(self, request: HttpRequest, obj: Any) -> None:
        """Call the service that deletes, hides or cancels the row."""
        raise NotImplementedError(f"{type(self).__name__} has to say which service deletes it.")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        location = getattr(obj, "location", None) if hasattr(obj, "location_id") else None
        if not change and location is not None:
            access.check(request.user, roles.CREATE, access.resource_of(self.model), location)
        saved = self.save_through(request, obj, form, change)
        if saved is not None and saved is not obj:
            obj.__dict__.update(saved.__dict__)
        self.note(request, [obj], fields=form.changed_data)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.delete_through(request, obj)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> Any:
        if object_id and request.method == "GET" and (address := self._public_address(request, object_id)):
            return HttpResponseRedirect(address)
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except (DomainError, ValidationError) as refusal:
            # The first pass was rolled back; the second draws the form again with what was refused.
            request.refusal = refusal  # type: ignore[attr-defined]
            return super().changeform_view(request, object_id, form_url, extra_context)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        refusal = getattr(request, "refusal", None)
        return (
            form if refusal is None else type(form)(form.__name__, (RefusedForm, form), {"refusal": refusal})
        )

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> Any:
        raise Http404(f"There is no such {opts.verbose_name}.")

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        # What deleting means is the service's business; Django's own list of cascades would mislead.
        count = {self.opts.verbose_name_plural: len(objs)}
        return [str(obj) for obj in objs], count, set(), []

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        try:
            response: HttpResponse = super().delete_view(request, object_id, extra_context)
        except DomainError as error:
            self.message_user(request, refusal_text(error), level="ERROR")
            return HttpResponseRedirect("../change/")
        return response

    def _public_address(self, request: HttpRequest, object_id: str) -> str:
        """Where a link by inner key leads: the same row by public id; "" for any other link."""
        if not (object_id.isascii() and object_id.isdigit() and self._has_public_id()):
            return ""
        row = self.get_object(request, object_id)
        if row is None:
            return ""
        return f"{change_url(row)}?{request.GET.urlencode()}" if request.GET else change_url(row)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> LogEntry:
        return self._log(request, obj, ADDITION, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> LogEntry:
        return self._log(request, obj, CHANGE, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        return [self._log(request, obj, DELETION, "") for obj in queryset]

    def _log(self, request: HttpRequest, obj: Any, flag: int, message: Any) -> LogEntry:
        key = str(getattr(obj, "public_id", obj.pk))
        return LogEntry.objects.create(
            user=cast(User, request.user),
            content_type_id=get_content_type_for_model(obj).pk,
            object_id=key,
            object_repr=f"{obj._meta.verbose_name} …{key[-6:]}",
            action_flag=flag,
            change_message=json.dumps(message) if isinstance(message, list) else message,
        )

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        if post_url_continue is None:
            post_url_continue = change_url(obj)
        return super().response_add(request, obj, post_url_continue)

    def response_post_save_add(self, request: HttpRequest, obj: Any) -> HttpResponse:
        """Back to the page that asked for the new row (`next`), else to the list."""
        back = live.own_address(request, request.GET.get("next", ""))
        return HttpResponseRedirect(back) if back else super().response_post_save_add(request, obj)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if isinstance(db_field, models.URLField):
            kwargs.setdefault("assume_scheme", "https")
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and isinstance(field.widget, RelatedFieldWidgetWrapper):
            # Related rows are made and changed on their own pages, where their services and checks are.
            for link in ("can_add_related", "can_change_related", "can_delete_related", "can_view_related"):
                setattr(field.widget, link, False)
        return field

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs.setdefault("queryset", _choices(db_field, request))
        if kwargs["queryset"] is None:
            del kwargs["queryset"]
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs.setdefault("queryset", _choices(db_field, request))
        if kwargs["queryset"] is None:
            del kwargs["queryset"]
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        given: dict[str, Any] = dict(super().get_changeform_initial_data(request))
        if any(field.name == "location" for field in self.opts.concrete_fields):
            here = getattr(request, "location", None) or access.home_location(request.user)
            given.setdefault("location", here.pk if here else None)
        return given

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[UnfoldAction]:
        offered = super().get_actions_detail(request, object_id)
        if not any(hasattr(item.method, "move_gate") for item in offered):
            return offered
        row = self.get_object(request, str(object_id))
        return [item for item in offered if _makes_sense(item.method, request, row)]

    def get_actions_row(self, request: HttpRequest) -> list[UnfoldAction]:
        resource = access.resource_of(self.model)
        return [
            item
            for item in super().get_actions_row(request)
            if access.allowed(request.user, getattr(item.method, "move_gate", roles.READ), resource)
        ]


def _works_in_several(request: HttpRequest) -> bool:
    """Whether the person works in more than one clinic; asked once a request."""
    known = getattr(request, "works_in_several", None)
    if known is None:
        known = len(access.locations(request.user)[:2]) > 1
        request.works_in_several = known  # type: ignore[attr-defined]
    return bool(known)


def _makes_sense(method: Any, request: HttpRequest, row: Any) -> bool:
    gate = getattr(method, "move_gate", None)
    if gate is None:
        return True
    when = method.move_when
    return row is not None and access.allowed_on(request.user, gate, row) and (when is None or when(row))


def _choices(db_field: Any, request: HttpRequest) -> models.QuerySet[Any] | None:
    """Rows a form may offer for a relation; None leaves the field as it is (models outside the gate)."""
    related = db_field.remote_field.model
    if related is Location:
        return access.locations(request.user)
    try:
        resource = access.resource_of(related)
    except TypeError:
        return None
    if resource == "users" and not access.allowed(request.user, roles.READ, "users"):
        # Everybody may hand work to a colleague of their own clinics without seeing accounts.
        return colleagues(request)
    return access.visible(related, request.user)


def colleagues(request: HttpRequest) -> models.QuerySet[User]:
    """Active staff who work in one of the person's locations, admins included; for choosing an owner or
    assignee.
    """
    here = models.Q(memberships__location__in=access.locations(request.user)) | models.Q(
        memberships__role=roles.ADMIN
    )
    return User.objects.filter(pk__in=User.objects.filter(here).values("pk"), is_active=True)


class ReadOnlyAdmin(ScopedAdmin):
    """Logs and records of the machine: seen, never edited."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
