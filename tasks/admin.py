"""Tasks in the admin: the list beside the Today page, and one task with its moves."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import TabularInline
from unfold.decorators import display
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from accounts import access, roles
from accounts.staff import LocationFilter, ScopedAdmin, cause_of, move_button
from contacts.found_by import FoundByContact
from core import clock
from core.causes import Cause
from tasks import bulk_acts, policies, priority, queue, services
from tasks.models import AssignmentPolicy, Task, TaskSkill

_BADGES = {"URGENT": "danger", "HIGH": "warning", "MEDIUM": "info", "LOW": ""}


class CompleteForm(BaseDialogForm):
    outcome = forms.ChoiceField(
        choices=[c for c in Task.Outcome.choices if c[0]], widget=UnfoldAdminSelectWidget
    )
    notes = forms.CharField(required=False, max_length=5000, widget=UnfoldAdminTextareaWidget)


class ReasonForm(BaseDialogForm):
    reason = forms.CharField(max_length=120, widget=UnfoldAdminTextInputWidget)


class OpenFilter(admin.SimpleListFilter):
    """Open tasks unless asked otherwise."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("all", "All"), *((value, label) for value, label in Task.Status.choices)]

    def choices(self, changelist: Any) -> Any:
        found = list(super().choices(changelist))
        found[0]["display"] = "Open"
        return found

    def queryset(self, request: HttpRequest, queryset: QuerySet[Task]) -> QuerySet[Task]:
        value = self.value()
        if value == "all":
            return queryset
        return (
            queryset.filter(status=value)
            if value in Task.Status.values
            else queryset.filter(status__in=Task.OPEN)
        )


def _complete(row: Task, data: dict[str, Any], cause: Cause) -> str:
    services.complete_task(row.pk, outcome=data["outcome"], notes=data["notes"], cause=cause)
    return "Completed."


def _cancel(row: Task, data: dict[str, Any], cause: Cause) -> str:
    services.cancel_task(row.pk, reason=data["reason"], cause=cause)
    return "Cancelled."


def _is_open(row: Task) -> bool:
    return row.is_open


@admin.register(Task)
class TaskAdmin(FoundByContact, ScopedAdmin):
    list_display = ("show_priority", "type", "contact", "show_due", "status", "assigned_to")
    list_display_links = ("show_priority", "type")
    list_filter = (LocationFilter, OpenFilter, "type")
    list_select_related = ("contact", "assigned_to", "location")
    autocomplete_fields = ("contact", "booking")
    readonly_fields = (
        "status", "outcome", "closed_reason", "completed_at", "claimed_by", "claimed_until", "snoozed_until",
        "urgency", "warmness", "created_by", "created_at", "why_here", "assignment_note",
    )  # fmt: skip
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "type",
                    ("contact", "booking"),
                    "due_datetime",
                    ("assigned_to", "priority"),
                    "notes",
                )
            },
        ),
    )
    show_fieldsets = (
        (
            None,
            {
                "fields": (
                    ("type", "status"),
                    ("contact", "booking"),
                    "due_datetime",
                    ("assigned_to", "assignment_note"),
                    "notes",
                )
            },
        ),
        ("Place in the queue", {"fields": ("why_here", ("urgency", "warmness"), "snoozed_until")}),
        (
            "What became of it",
            {
                "fields": (
                    ("outcome", "completed_at"),
                    "closed_reason",
                    ("claimed_by", "claimed_until"),
                    "created_by",
                )
            },
        ),
    )
    complete = move_button(
        "Complete", _complete, name="complete", form=CompleteForm, icon="check_circle", when=_is_open
    )
    cancel = move_button("Cancel task", _cancel, name="cancel", form=ReasonForm, icon="cancel", when=_is_open)
    actions_detail = ("complete", "cancel")
    actions = bulk_acts.ACTIONS

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["form"] = TaskForm
        return super().get_form(request, obj, change, **kwargs)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        due = clock.now().replace(second=0, microsecond=0)
        return {"due_datetime": due, **super().get_changeform_initial_data(request)}

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fieldsets if obj is None else self.show_fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ()
        fixed = (*self.readonly_fields, "type", "contact", "booking")
        return fixed if obj.is_open else (*fixed, "due_datetime", "assigned_to", "notes")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Task]:
        # The framework orders by `get_ordering` at once, so the score must be there before it does.
        ids = access.locations(request.user).values_list("pk", flat=True)
        scored = queue.with_score(Task.objects.all(), as_of=clock.now(), own=queue.weights_by_location(ids))
        scored = scored.select_related("contact", "booking__location", "assigned_to", "location")
        return access.visible(scored, request.user).order_by("-score", "due_datetime", "pk")  # type: ignore[misc]

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        return ("-score", "due_datetime", "pk")

    @display(description="Priority", label=_BADGES)
    def show_priority(self, task: Task) -> tuple[str, str]:
        score = task.score  # type: ignore[attr-defined]
        name = priority.category(score).value
        return name, f"{name} {score}"

    @display(description="Due", ordering="due_datetime")
    def show_due(self, task: Task) -> str:
        return f"{task.location.local(task.due_datetime):%a %-d %b %Y, %H:%M}"

    @display(description="Why here")
    def why_here(self, task: Task) -> str:
        own = queue.weights_by_location([task.location_id])
        place = queue.explain(task, now=clock.now(), own=own)
        return f"{place.score} ({place.category.value}). {' '.join(place.reasons)}"

    def save_through(self, request: HttpRequest, obj: Task, form: Any, change: bool) -> Task:
        given, cause = form.cleaned_data, cause_of(request)
        if change:
            changed = {name: given[name] for name in form.changed_data}
            return services.update_task(obj.pk, cause=cause, **changed)
        wish = services.NewTask(
            contact_id=given["contact"].pk, booking_id=given["booking"].pk if given["booking"] else None,
            type=given["type"], due_at=given["due_datetime"], priority=given["priority"], notes=given["notes"],
            assigned_to_id=given["assigned_to"].pk if given["assigned_to"] else None,
            created_by=Task.CreatedBy.STAFF, cause=cause,
        )  # fmt: skip
        return services.create_tasks([wish])[0].task


class TaskForm(forms.ModelForm):
    """A task made by hand."""

    priority = forms.ChoiceField(
        choices=[
            ("", "As its type"),
            ("medium", "At least medium"),
            ("high", "At least high"),
            ("urgent", "Urgent"),
        ],
        required=False,
        widget=UnfoldAdminSelectWidget,
    )

    class Meta:
        model = Task
        fields = ("type", "due_datetime", "contact", "booking", "assigned_to", "notes")


class SkillFormSet(forms.BaseInlineFormSet):
    """The skills that types of task ask for; they are replaced as a whole by the service."""

    def wanted(self) -> dict[str, str]:
        rows = [
            form.cleaned_data for form in self.forms
            if form.cleaned_data and not form.cleaned_data.get("DELETE")
        ]  # fmt: skip
        return {row["task_type"]: row["skill"] for row in rows if row.get("task_type") and row.get("skill")}


class SkillInline(TabularInline):
    model = TaskSkill
    formset = SkillFormSet
    fields = ("task_type", "skill")
    extra = 0
    verbose_name = "skill a type of task asks for"
    verbose_name_plural = "skills that types of task ask for"

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return access.allowed(request.user, roles.READ, "settings")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return access.allowed(request.user, roles.UPDATE, "settings")

    has_change_permission = has_add_permission
    has_delete_permission = has_add_permission


@admin.register(AssignmentPolicy)
class AssignmentPolicyAdmin(ScopedAdmin):
    empty_hint = "New tasks are nobody's: whoever comes first takes them. Add one to give them to people."
    list_display = ("location", "how", "include_managers", "include_admins")
    list_select_related = ("location",)
    inlines = (SkillInline,)
    fieldsets = ((None, {"fields": ("location", "how", ("include_managers", "include_admins"))}),)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if obj is None else ("location",)

    def save_through(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> AssignmentPolicy:
        fields = {
            name: form.cleaned_data[name] for name in policies.POLICY_FIELDS if name in form.cleaned_data
        }
        return policies.set_policy(location=obj.location, fields=fields, cause=cause_of(request))

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        policies.set_skills(policy_id=form.instance.pk, skills=formset.wanted(), cause=cause_of(request))
        formset.new_objects, formset.changed_objects, formset.deleted_objects = [], [], []
