"""What can be booked, at the desk: services, practitioners and rooms of a clinic."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import TabularInline
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from accounts import access, roles
from accounts.staff import Badge, LocationFilter, ScopedAdmin, cause_of
from bookings.admin_forms import PractitionerForm, RoomForm, ServiceForm
from bookings.models import Practitioner, PractitionerExternalId, Room, Service, ServiceExternalId


class _Ids(TabularInline):
    """The ids providers know a row by."""

    fields = ("provider", "external_id")
    extra = 0

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return access.allowed(request.user, roles.READ, "settings")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return access.allowed(request.user, roles.UPDATE, "settings")

    has_change_permission = has_add_permission
    has_delete_permission = has_add_permission


class ServiceIds(_Ids):
    model = ServiceExternalId


class PractitionerIds(_Ids):
    model = PractitionerExternalId


class ServicesField(forms.ModelMultipleChoiceField):
    """Services to tick; with their clinic where one works in several."""

    widget = UnfoldAdminCheckboxSelectMultipleWidget
    several = False

    def label_from_instance(self, obj: Service) -> str:
        return f"{obj.name} ({obj.location.name})" if self.several else obj.name


class CatalogueAdmin(ScopedAdmin):
    """Plain settings: what staff type is what is stored, within the clinic."""

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        offered = access.visible(Service, request.user).filter(is_active=True).select_related("location")
        field = ServicesField(offered.order_by("location__name", "name"), required=False, label="Services")
        field.several = access.locations(request.user)[1:2].exists()
        return field

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        if obj is not None and "services" in form.base_fields:
            here = Service.objects.filter(location=obj.location_id).order_by("name")
            form.base_fields["services"].queryset, form.base_fields["services"].several = here, False
        return form

    @display(description="To be checked", ordering="needs_review", label={"yes": "warning"}, empty_value="-")
    def to_check(self, row: Any) -> Badge | None:
        return Badge("yes", "Check it") if row.needs_review else None

    list_select_related: tuple[str, ...] = ("location",)
    search_fields = ("name",)
    ordering = ("location", "name")

    def save_through(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> Any:
        obj.save()
        return obj

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        for row in formset.save(commit=False):
            row.location = form.instance.location
            row.save()
        for row in formset.deleted_objects:
            row.delete()
        formset.save_m2m()

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        # A row that visits refer to stays in its clinic.
        return (*super().get_readonly_fields(request, obj), *(("location",) if obj else ()))


@admin.register(Service)
class ServiceAdmin(CatalogueAdmin):
    form = ServiceForm
    list_display = (
        "name",
        "service_type",
        "urgency_level",
        "duration_minutes",
        "is_high_risk",
        "is_active",
        "to_check",
    )
    list_filter = (LocationFilter, "service_type", "urgency_level", "is_active", "needs_review")
    inlines = (ServiceIds,)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("location", "name"),
                    ("service_type", "urgency_level"),
                    ("duration_minutes", "buffer_minutes"),
                    ("price_cents", "recall_interval_days"),
                    ("is_high_risk", "is_active"),
                    "needs_review",
                )
            },
        ),
    )

    def save_through(self, request: HttpRequest, obj: Service, form: Any, change: bool) -> Service:
        obj.save(cause=cause_of(request))
        return obj


@admin.register(Practitioner)
class PractitionerAdmin(CatalogueAdmin):
    form = PractitionerForm
    list_display = ("name", "user", "recall_interval_days", "is_active", "to_check")
    list_filter = (LocationFilter, "is_active", "needs_review")
    list_select_related = ("location", "user")
    inlines = (PractitionerIds,)
    fields = (
        ("location", "name"),
        ("user", "recall_interval_days"),
        ("is_active", "needs_review"),
        "roster",
        "services",
    )

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """A new practitioner works when the clinic is open, until somebody says otherwise."""
        here = getattr(request, "location", None)
        return {"roster": here.opening_hours if here else {}, **super().get_changeform_initial_data(request)}


@admin.register(Room)
class RoomAdmin(CatalogueAdmin):
    form = RoomForm
    list_display = ("name", "is_active")
    list_filter = (LocationFilter, "is_active")
    fields = (("location", "name"), "is_active", "services")
