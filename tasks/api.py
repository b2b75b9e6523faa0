"""Tasks over HTTP: one ranked list with its counts, and the moves of a task."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar, cast

from django.urls import re_path
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import access
from accounts.models import User
from bookings.models import Booking
from contacts.api_serializers import ColleagueField
from contacts.models import Contact
from core import clock
from core.api import BaseViewSet, Creating, MomentField, PublicIdField, PublicModelSerializer, Updating
from core.errors import Invalid
from tasks import calls, priority, queue, selectors, services
from tasks.models import Task

PAGE_SIZE, MOST = 50, 200


class TaskContactSerializer(PublicModelSerializer):
    class Meta:
        model = Contact
        fields = ("id", "name", "phone")


class TaskBookingSerializer(PublicModelSerializer):
    class Meta:
        model = Booking
        fields = ("id", "appointment_datetime", "urgency_level")


class TaskSerializer(PublicModelSerializer):
    """A task with its score at the moment of the request."""

    contact = TaskContactSerializer(read_only=True)
    booking = TaskBookingSerializer(read_only=True)
    assigned_to = PublicIdField(read_only=True)
    priority_score = serializers.SerializerMethodField()
    priority_category = serializers.SerializerMethodField()
    priority_reasons = serializers.SerializerMethodField()

    class Meta:
        model = Task
        fields = (
            "id", "type", "contact", "booking", "priority_score", "priority_category", "priority_reasons",
            "due_datetime", "status", "assigned_to", "claimed_until", "snoozed_until", "notes", "outcome",
            "attempts", "assignment_note", "closed_reason", "created_by", "created_at", "completed_at",
        )  # fmt: skip

    def get_priority_score(self, task: Task) -> int:
        return self._priority(task).score

    def get_priority_category(self, task: Task) -> str:
        return self._priority(task).category.value

    def get_priority_reasons(self, task: Task) -> list[str]:
        return list(self._priority(task).reasons)

    def _priority(self, task: Task) -> priority.Priority:
        context = cast(dict[str, Any], self.context)
        found: dict[int, priority.Priority] = context.setdefault("priorities", {})
        if task.pk not in found:
            own = context.get("weights")
            if own is None:
                own = context["weights"] = queue.weights_by_location([task.location_id])
            found[task.pk] = queue.explain(task, now=context.get("as_of") or clock.now(), own=own)
        return found[task.pk]


class TaskInput(serializers.Serializer):
    """A task made by hand."""

    contact_id = PublicIdField(queryset=Contact.objects.live())
    booking_id = PublicIdField(queryset=Booking.objects.all(), required=False, allow_null=True)
    type = serializers.ChoiceField(choices=Task.Type.choices, default=Task.Type.CUSTOM)
    due_datetime = MomentField()
    priority = serializers.ChoiceField(choices=["low", "medium", "high", "urgent"], required=False)
    assigned_to = ColleagueField(queryset=User.objects.all(), required=False, allow_null=True)
    notes = serializers.CharField(required=False, allow_blank=True, max_length=5000)


class TaskChange(serializers.Serializer):
    """What may be edited; states are moved by their own calls."""

    due_datetime = MomentField()
    assigned_to = ColleagueField(queryset=User.objects.all(), allow_null=True)
    notes = serializers.CharField(allow_blank=True, max_length=5000)


class CompleteInput(serializers.Serializer):
    notes = serializers.CharField(required=False, allow_blank=True, max_length=5000, default="")
    outcome = serializers.CharField(required=False, allow_blank=True, max_length=12, default="")


class AssignInput(serializers.Serializer):
    assigned_to = ColleagueField(queryset=User.objects.all(), allow_null=True)


class SnoozeInput(serializers.Serializer):
    until = MomentField()


class AgainInput(serializers.Serializer):
    outcome = serializers.ChoiceField(choices=[str(outcome) for outcome in calls.UNREACHED])
    at = MomentField()
    notes = serializers.CharField(required=False, allow_blank=True, max_length=5000, default="")


class CallInput(serializers.Serializer):
    outcome = serializers.ChoiceField(choices=[str(outcome) for outcome in calls.OUTCOMES])
    notes = serializers.CharField(required=False, allow_blank=True, max_length=5000, default="")


class CancelInput(serializers.Serializer):
    reason = serializers.CharField(max_length=120)


_LIST = inline_serializer(
    "TaskList",
    {
        "tasks": TaskSerializer(many=True),
        "counts": inline_serializer(
            "TaskCounts", {name: serializers.IntegerField() for name in ("overdue", "today", "upcoming")}
        ),
        "next": serializers.CharField(allow_null=True),
        "previous": serializers.CharField(allow_null=True),
    },
)
_DONE = inline_serializer("TaskDone", {"success": serializers.BooleanField(), "task": TaskSerializer()})
_FILTERS = {
    "assigned_to": "me (the default: mine and nobody's), anyone, nobody (also none), or a person's id",
    "status": "todo (the default), in_progress, completed, cancelled, open, snoozed, any",
    "timeframe": "overdue, today (from now on), upcoming, now (the default: overdue and today), all",
    "priority": "urgent, high, medium, low",
    "type": "a type of task",
    "contact": "a contact's id",
    "location": "a location's id",
    "cursor": "from `next`",
    "page_size": "1 to 200",
}


class TaskViewSet(Creating, Updating, BaseViewSet):
    """The queue, highest score first."""

    queryset = Task.objects.select_related("contact", "booking", "assigned_to", "location")
    serializer_class = TaskSerializer
    write_serializer_class = TaskChange
    filter_backends: ClassVar[tuple[Any, ...]] = ()  # type: ignore[misc]
    pagination_class = None  # type: ignore[assignment,misc]

    def get_serializer_class(self) -> Any:
        return TaskInput if self.action == "create" else super().get_serializer_class()

    @extend_schema(
        responses=_LIST, parameters=[OpenApiParameter(n, str, description=d) for n, d in _FILTERS.items()]
    )
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Tasks in the order of their score, with how many are overdue, due today and upcoming."""
        given = request.query_params
        _refuse_unknown_filters(given)
        names = ("assigned_to", "status", "timeframe", "priority", "type", "contact", "location")
        wanted = selectors.Wanted(**{name: given[name] for name in names if given.get(name)})
        for name in ("contact", "location"):
            _check_id(name, getattr(wanted, name))
        if wanted.assigned_to not in ("me", "anyone", "nobody", "none"):
            _check_id("assigned_to", wanted.assigned_to)
        if wanted.timeframe not in queue.TIMEFRAMES:
            raise Invalid(
                f"{wanted.timeframe!r} is not a timeframe. Use one of: {', '.join(queue.TIMEFRAMES)}.",
                code="unknown_timeframe", fields={"timeframe": "unknown"},
            )  # fmt: skip
        now = clock.now()
        locations = list(access.locations(request.user))
        tasks = selectors.listed(cast(User, request.user), wanted, now=now)
        due = tasks.filter(queue.due_by(wanted.timeframe, now=now, locations=locations))
        ids = [location.pk for location in locations]
        rows = due.select_related("contact", "booking", "assigned_to", "location")
        page = queue.page(
            rows, now=now, location_ids=ids, size=_page_size(given), cursor=given.get("cursor") or None
        )
        self.note(page.tasks)
        context = {
            **self.get_serializer_context(), "as_of": page.as_of, "weights": queue.weights_by_location(ids),
        }  # fmt: skip
        return Response(
            {
                "tasks": TaskSerializer(page.tasks, many=True, context=context).data,
                "counts": queue.counts(tasks, now=now, locations=locations),
                "next": _link(request, page.next_cursor),
                "previous": None if given.get("cursor") is None else _link(request, ""),
            }
        )

    def create_through(self, data: dict[str, Any]) -> Task:
        contact, booking = data["contact_id"], data.get("booking_id")
        access.check(self.request.user, "create", "tasks", contact.location)
        if booking is not None and booking.contact_id != contact.pk:
            raise Invalid(
                "That booking is another contact's.", code="not_theirs", fields={"booking_id": "not theirs"}
            )
        to = data.get("assigned_to")
        if to is not None and not services.works_at(to, contact.location):
            raise Invalid(
                "That person does not work there.",
                code="not_at_location",
                fields={"assigned_to": "elsewhere"},
            )
        wish = services.NewTask(
            contact_id=contact.pk, type=data["type"], due_at=data["due_datetime"], cause=self.cause,
            booking_id=booking.pk if booking else None, priority=data.get("priority", ""),
            notes=data.get("notes", ""), assigned_to_id=to.pk if to else None, created_by=Task.CreatedBy.STAFF,
        )  # fmt: skip
        return services.create_tasks([wish])[0].task

    def update_through(self, row: Task, data: dict[str, Any]) -> Task:
        return services.update_task(row.pk, cause=self.cause, **data)

    def _moved(self, task: Task) -> Response:
        return Response({"success": True, "task": self.answer(task).data})

    @extend_schema(request=CompleteInput, responses=_DONE)
    @action(detail=True, methods=["post"], gate_action="update")
    def complete(self, request: Request, id: str) -> Response:
        """Close a task; a call says how it went and is logged."""
        task = self.get_object()
        return self._moved(services.complete_task(task.pk, cause=self.cause, **self.validated(CompleteInput)))

    @extend_schema(request=AssignInput, responses=_DONE)
    @action(detail=True, methods=["post"], gate_action="update")
    def assign(self, request: Request, id: str) -> Response:
        """Give a task to a colleague, or to nobody."""
        task = self.get_object()
        to = self.validated(AssignInput)["assigned_to"]
        return self._moved(services.assign_task(task.pk, to=to, cause=self.cause))

    @extend_schema(request=None, responses=_DONE)
    @action(detail=True, methods=["post"], gate_action="update")
    def start(self, request: Request, id: str) -> Response:
        """Begin a task and reserve it."""
        return self._moved(services.start_task(self.get_object().pk, user=cast(User, request.user)))

    @extend_schema(request=None, responses=_DONE)
    @action(detail=True, methods=["post"], gate_action="update")
    def claim(self, request: Request, id: str) -> Response:
        """Reserve a task for ten minutes; 409 while a colleague has it."""
        return self._moved(services.claim_task(self.get_object().pk, user=cast(User, request.user)))

    @extend_schema(request=None, responses=_DONE)
    @action(detail=True, methods=["post"], gate_action="update")
    def release(self, request: Request, id: str) -> Response:
        """Give a claimed task back; 409 while a colleague has it."""
        return self._moved(services.release_task(self.get_object().pk, user=cast(User, request.user)))

    @extend_schema(request=AgainInput, responses=_DONE)
    @action(detail=True, methods=["post"], gate_action="update", url_path="try-again")
    def try_again(self, request: Request, id: str) -> Response:
        """Log a call that reached nobody and keep the task for another attempt; 409 after too many."""
        task = self.get_object()
        return self._moved(services.try_again(task.pk, cause=self.cause, **self.validated(AgainInput)))

    @extend_schema(request=SnoozeInput, responses=_DONE)
    @action(detail=True, methods=["post"], gate_action="update")
    def snooze(self, request: Request, id: str) -> Response:
        """Hide a task until a later moment."""
        task = self.get_object()
        return self._moved(services.snooze_task(task.pk, cause=self.cause, **self.validated(SnoozeInput)))

    @extend_schema(request=CancelInput, responses=_DONE)
    @action(detail=True, methods=["post"], gate_action="update")
    def cancel(self, request: Request, id: str) -> Response:
        """Close a task undone, with a reason."""
        task = self.get_object()
        return self._moved(services.cancel_task(task.pk, cause=self.cause, **self.validated(CancelInput)))


def _refuse_unknown_filters(given: Any) -> None:
    unknown = sorted(set(given) - set(_FILTERS) - {"format"})
    if unknown:
        raise Invalid(
            f"There is no filter {', '.join(name[:40] for name in unknown)}. Use: {', '.join(_FILTERS)}.",
            code="unknown_filter", fields=dict.fromkeys(unknown, "Unknown filter."),
        )  # fmt: skip


def _check_id(name: str, value: str) -> None:
    try:
        uuid.UUID(value) if value else None
    except ValueError:
        raise Invalid(f"{value[:40]!r} is not an id.", code="not_an_id", fields={name: "not an id"}) from None


def _page_size(given: Any) -> int:
    asked = given.get("page_size", str(PAGE_SIZE))
    if not (asked.isascii() and asked.isdigit() and len(asked) <= len(str(MOST)) and 0 < int(asked) <= MOST):
        raise Invalid(
            f"page_size must be a whole number from 1 to {MOST}.",
            code="bad_page_size",
            fields={"page_size": "1 to 200"},
        )
    return int(asked)


def _link(request: Request, cursor: str | None) -> str | None:
    """The address of another page; "" is the first one."""
    if cursor is None:
        return None
    query = request.query_params.copy()
    query.pop("cursor", None)
    if cursor:
        query["cursor"] = cursor
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")


class ContactCallViewSet(BaseViewSet):
    """Calls to a contact that no task asked for."""

    queryset = Contact.objects.all()
    serializer_class = TaskContactSerializer
    gate_action = "update"

    @extend_schema(
        operation_id="log_call", request=CallInput,
        responses=inline_serializer("CallLogged", {"success": serializers.BooleanField()}),
    )  # fmt: skip
    def log_call(self, request: Request, id: str) -> Response:
        """Log a call and how it went."""
        contact = self.get_object()
        services.log_call(contact.pk, cause=self.cause, **self.validated(CallInput))
        return Response({"success": True})


urlpatterns = [
    re_path(
        r"^contacts/(?P<id>[^/]+)/log-call/?$",
        ContactCallViewSet.as_view({"post": "log_call"}),
        name="contact-log-call",
    )
]
routes = [("tasks", TaskViewSet, "task")]
