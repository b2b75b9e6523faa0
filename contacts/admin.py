"""Contacts at the desk: the list, a page for each person made of panels, and the logs behind it."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from accounts import access, pages, roles
from accounts.models import User
from accounts.staff import LocationFilter, ReadOnlyAdmin, ScopedAdmin, cause_of, move_button
from accounts.staff_links import change_url
from contacts import bulk_acts, merge_page, page, pipeline, selectors, services, unmerge_page
from contacts.admin_filters import BandFilter, HiddenFilter, StageFilter
from contacts.admin_forms import ConsentForm, ContactForm
from contacts.models import (
    Consent,
    Contact,
    StageChange,
    Touchpoint,
    WarmnessDelta,
    WarmnessHistory,
)
from contacts.pipeline import Place
from contacts.vocabulary import Channel
from core.causes import Cause

_BADGES = {"HOT": "danger", "WARM": "warning", "COOL": "info"}


def _recalculate(row: Contact, data: dict[str, Any], cause: Cause) -> str:
    contact = services.recalculate_warmness([row.pk], cause=cause)[0]
    return f"Warmness is {contact.warmness_score}."


def _consent(state: str, said: str) -> Any:
    def change(row: Contact, data: dict[str, Any], cause: Cause) -> str:
        services.set_consent(
            location_id=row.location_id,
            address=row.email if data["channel"] == Channel.EMAIL else row.reach_phone,
            channel=data["channel"],
            purposes=data["purposes"],
            state=state,
            basis="staff",
            wording=data["wording"],
            source="desk",
            cause=cause,
            contact_id=row.pk,
        )
        return said

    return change


def _hide(row: Contact, data: dict[str, Any], cause: Cause) -> str:
    services.delete_contact(contact_id=row.pk, cause=cause)
    return "The contact is hidden. “Bring back” undoes it."


def _bring_back(row: Contact, data: dict[str, Any], cause: Cause) -> str:
    services.undo_delete(contact_id=row.pk, cause=cause)
    return "The contact is back."


def _is_live(row: Contact) -> bool:
    return row.deleted_at is None


@admin.register(Contact)
class ContactAdmin(ScopedAdmin):
    form = ContactForm
    change_form_template = "contacts/contact_page.html"
    list_display = (
        "show_name",
        "show_phone",
        "show_warmness",
        "show_stage",
        "source",
        "owner",
        "show_created",
    )
    list_filter = (
        LocationFilter,
        BandFilter,
        StageFilter,
        ("source", ChoicesDropdownFilter),
        ("intent", ChoicesDropdownFilter),
        "is_high_risk",
        ("recall_due_date", RangeDateFilter),
        HiddenFilter,
    )
    list_filter_submit = True
    list_select_related = ("owner", "guardian", "location")
    search_fields = ("name",)
    search_help_text = "Name, phone in any spelling or a few of its digits, or e-mail"
    ordering = ("-created_at", "-id")
    sortable_by = ("show_created", "show_warmness")
    fieldsets = (
        (None, {"fields": (("name", "phone"), ("email", "preferred_channel"), ("source", "intent"))}),
        (
            "Care",
            {
                "fields": (
                    ("is_existing_patient", "is_high_risk"),
                    ("recall_due_date", "owner"),
                    "tags",
                    "notes",
                )
            },
        ),
        ("More", {"fields": ("language",)}),
    )
    add_fieldsets = (
        (
            None,
            {
                "fields": (
                    "location",
                    ("name", "phone"),
                    ("email", "source"),
                    ("intent", "owner"),
                    "tags",
                    "notes",
                    "is_lead",
                )
            },
        ),
    )

    recalculate = move_button(
        "Recalculate", _recalculate, name="recalculate", icon="thermostat", when=_is_live
    )
    opt_out = move_button(
        "Opt out",
        _consent("withdrawn", "No such messages will be sent to this address any more."),
        name="opt_out",
        form=ConsentForm,
        question="Holds for everyone reached on this phone or e-mail.",
        icon="notifications_off",
        when=_is_live,
    )
    opt_in = move_button(
        "Opt in",
        _consent("granted", "Recorded: these messages may be sent."),
        name="opt_in",
        form=ConsentForm,
        question="Only with the person's word. Holds for everyone reached on this phone or e-mail.",
        icon="notifications_active",
        when=_is_live,
    )
    hide = move_button(
        "Hide contact",
        _hide,
        name="hide",
        gate=roles.DELETE,
        question="They disappear from lists; nothing is lost, and it can be undone.",
        icon="delete",
        variant=ActionVariant.DANGER,
        when=_is_live,
    )
    bring_back = move_button(
        "Bring back",
        _bring_back,
        name="bring_back",
        gate=roles.DELETE,
        icon="undo",
        when=lambda row: not _is_live(row),
    )
    actions = bulk_acts.ACTIONS
    actions_detail = (
        {
            "title": "More",
            "icon": "more_horiz",
            "items": [
                "edit",
                "merge_with",
                "undo_merge",
                "recalculate",
                "opt_out",
                "opt_in",
                "hide",
                "bring_back",
            ],
        },
    )

    # -- the list

    @display(description="Name", ordering="name")
    def show_name(self, row: Contact) -> str:
        return f"{row} (hidden)" if row.deleted_at else str(row)

    @display(description="Phone")
    def show_phone(self, row: Contact) -> str:
        return f"{row.reach_phone} (shared)" if row.guardian_id else row.phone

    @display(description="Warmness", ordering="warmness_score", label=_BADGES)
    def show_warmness(self, row: Contact) -> tuple[str, str]:
        return row.temperature, f"{row.warmness_score} {row.temperature}"

    @display(description="Stage")
    def show_stage(self, row: Contact) -> str:
        return pipeline.label(Place(row.current_pipeline, row.current_stage))

    @display(description="Since", ordering="created_at")
    def show_created(self, row: Contact) -> str:
        return f"{row.location.local(row.created_at):%-d %b %Y %H:%M}"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Contact]:
        """With the clinic, whose clock and numbers every page of a contact asks for."""
        return super().get_queryset(request).select_related(*self.list_select_related)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Contact], search_term: str
    ) -> tuple[QuerySet[Contact], bool]:
        if request.path.endswith("/autocomplete/"):
            queryset = queryset.filter(deleted_at__isnull=True, merged_into__isnull=True)
        if not search_term.strip():
            return queryset, False
        found = selectors.find(
            queryset,
            search_term,
            locations=access.places(cast(User, request.user)),
            home=getattr(request, "location", None),
        )
        return found, False

    # -- the page

    @action(description="Edit", url_path="edit", icon="edit", permissions=["change"])
    def edit(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The form is the same address with ?edit=1, so that saving comes back to the page."""
        address = reverse("admin:contacts_contact_change", args=(object_id,))
        return HttpResponseRedirect(f"{address}?edit=1")

    @action(description="Merge with…", url_path="merge-with", icon="merge", permissions=["change"])
    def merge_with(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Leads to the page that compares two contacts."""
        return HttpResponseRedirect(reverse("admin:contacts_contact_merge", args=(object_id,)))

    @action(description="Undo a merge…", url_path="undo-merge", icon="call_split", permissions=["change"])
    def undo_merge(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Leads to the page that shows who was merged into this contact."""
        return HttpResponseRedirect(reverse("admin:contacts_contact_unmerge", args=(object_id,)))

    def unmerge_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """See `contacts.unmerge_page`."""
        contact = self._seen(request, object_id)
        return self._moved_on(request, contact) or unmerge_page.unmerge(request, contact)

    def merge_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """See `contacts.merge_page`."""
        contact = self._seen(request, object_id)
        return self._moved_on(request, contact) or merge_page.merge(request, contact)

    def _moved_on(self, request: HttpRequest, contact: Contact) -> HttpResponse | None:
        """The way to the contact that a merged one is now."""
        if contact.merged_into is None:
            return None
        messages.info(
            request,
            "This contact was merged into the one you see. “Undo a merge”, under More, takes them apart.",
        )
        return HttpResponseRedirect(change_url(contact.merged_into))

    def get_urls(self) -> list[Any]:
        routes: tuple[tuple[str, str, Any], ...] = (
            ("merge/", "merge", self.merge_view),
            ("unmerge/", "unmerge", self.unmerge_view),
            ("timeline/", "timeline", self.timeline_view),
            ("panel/<slug:key>/", "panel", self.panel_view),
            ("move/", "move", require_POST(self.move_view)),
            ("note/", "note", require_POST(self.note_view)),
        )
        return [
            path(
                f"<path:object_id>/{route}",
                self.admin_site.admin_view(pages.refusing(view)),
                name=f"contacts_contact_{name}",
            )
            for route, name, view in routes
        ] + super().get_urls()

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        context = {"panels": None, **(extra_context or {})}
        if request.method == "GET" and "edit" not in request.GET:
            contact = self.get_object(request, object_id)
            if contact is not None and (moved_on := self._moved_on(request, contact)):
                return moved_on
            if contact is not None:
                context |= page.context(contact, request)
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response

    def timeline_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """See `contacts.page`."""
        return page.timeline_view(request, self._seen(request, object_id))

    def panel_view(self, request: HttpRequest, object_id: str, key: str) -> HttpResponse:
        """See `contacts.page`."""
        return page.panel_view(request, self._seen(request, object_id), key)

    def move_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """See `contacts.page`."""
        return page.move_view(request, self._seen(request, object_id))

    def note_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """See `contacts.page`."""
        return page.note_view(request, self._seen(request, object_id))

    def _seen(self, request: HttpRequest, object_id: str) -> Contact:
        contact = self.get_object(request, object_id)
        if contact is None:
            raise Http404("There is no such contact.")
        return cast(Contact, contact)

    def get_fieldsets(self, request: HttpRequest, obj: Contact | None = None) -> Any:
        return super().get_fieldsets(request, obj) if obj else self.add_fieldsets

    def response_post_save_change(self, request: HttpRequest, obj: Contact) -> HttpResponse:
        return HttpResponseRedirect(change_url(obj))

    response_post_save_add = response_post_save_change

    def save_through(self, request: HttpRequest, obj: Contact, form: Any, change: bool) -> Contact:
        typed = {
            name: value for name, value in form.cleaned_data.items() if name not in ("location", "is_lead")
        }
        if "owner" in typed:
            owner = typed.pop("owner")
            typed["owner_id"] = owner.pk if owner else None
        if change:
            changed = {name for name in form.changed_data if name != "owner"}
            changed |= {"owner_id"} if "owner" in form.changed_data else set()
            fields = {name: value for name, value in typed.items() if name in changed}
            return services.update_contact(contact_id=obj.pk, fields=fields, cause=cause_of(request))
        result = services.create_contact(
            location=form.cleaned_data["location"],
            fields={name: value for name, value in typed.items() if value not in ("", None)},
            is_lead=form.cleaned_data.get("is_lead", True),
            cause=cause_of(request),
        )
        return result.contact


class OfContactAdmin(ReadOnlyAdmin):
    """A log kept per contact."""

    list_select_related = ("contact",)
    list_filter: tuple[Any, ...] = (LocationFilter,)
    list_display: tuple[str, ...] = ("contact", "at", "cause_kind")
    ordering = ("-id",)


@admin.register(Touchpoint)
class TouchpointAdmin(OfContactAdmin):
    list_display = ("contact", "type", "source", "channel", "at", "cause_kind")
    list_filter = (LocationFilter, "type")


@admin.register(StageChange)
class StageChangeAdmin(OfContactAdmin):
    list_display = ("contact", "from_stage", "to_pipeline", "to_stage", "at", "cause_kind")
    list_filter = (LocationFilter, "to_pipeline", "to_stage")


@admin.register(WarmnessDelta)
class WarmnessDeltaAdmin(OfContactAdmin):
    list_display = ("contact", "delta", "reason", "at", "cause_kind")


@admin.register(WarmnessHistory)
class WarmnessHistoryAdmin(OfContactAdmin):
    list_display = ("contact", "score", "at")


@admin.register(Consent)
class ConsentAdmin(OfContactAdmin):
    list_display = ("address", "channel", "purpose", "state", "basis", "at", "superseded_at")
    list_filter = (LocationFilter, "channel", "purpose", "state")
