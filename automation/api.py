"""Automation over HTTP: rules, what ran, what happened, and why."""

from __future__ import annotations

from typing import Any

import django_filters
from django.urls import re_path
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import access
from accounts.models import User
from automation import action_parser, facts, forecast, seeds, selectors, services, triggers
from automation.backtest_api import BackTesting, BackTestViewSet
from automation.models import Rule, RuleRun
from automation.segment_api import SegmentViewSet
from automation.serializers import (
    DryRunInput,
    EventSerializer,
    NewRule,
    PreviewSerializer,
    RuleChange,
    RuleDetailSerializer,
    RuleSerializer,
    RunSerializer,
    UpcomingSerializer,
    WhySerializer,
    public_ids,
)
from automation.services import RuleInput
from bookings.models import Booking
from contacts.models import Contact
from core import clock
from core.api import BaseViewSet, Creating, Deleting, ReadViewSet, Updating
from core.causes import Cause
from core.errors import NotFound
from core.models import Event

#: How many runs "why" answers with.
NEWEST = 50
_WORDING = (
    "name",
    "trigger",
    "every",
    "anchor",
    "priority",
    "is_active",
    "is_shadow",
    "conditions",
    "actions",
)


def _person(cause: Cause) -> User:
    return User.objects.get(pk=cause.id)


class RuleFilter(django_filters.FilterSet):
    """By trigger, location and switch."""

    location = django_filters.UUIDFilter(field_name="location__public_id")

    class Meta:
        model = Rule
        fields = ("trigger", "is_active", "key")


@extend_schema_view(
    create=extend_schema(request=NewRule, responses={201: RuleSerializer}),
    update=extend_schema(request=RuleChange, responses=RuleSerializer),
    partial_update=extend_schema(request=RuleChange, responses=RuleSerializer),
    destroy=extend_schema(description="Switches the rule off: what it did stays explained by it."),
)
class RuleViewSet(BackTesting, Creating, Updating, Deleting, BaseViewSet):
    """Rules. Changing the wording makes a new version; steps that wait finish on the old one."""

    queryset = Rule.objects.select_related("location", "current", "current__author")
    serializer_class = RuleSerializer
    write_serializer_class = RuleChange
    filterset_class = RuleFilter
    ordering_fields = ("priority", "key", "created_at")
    search_fields = ("key", "name")

    def get_serializer_class(self) -> Any:
        special = {"create": NewRule, "retrieve": RuleDetailSerializer}
        return special.get(self.action) or super().get_serializer_class()

    def create_through(self, data: dict[str, Any]) -> Rule:
        location = self.location(getattr(data.pop("location", None), "public_id", None))
        wanted = RuleInput(**{name: data[name] for name in _WORDING})
        return services.create_rule(
            location=location, key=data["key"], wanted=wanted, author=_person(self.cause), cause=self.cause
        )

    def update_through(self, row: Rule, data: dict[str, Any]) -> Rule:
        now = services.input_of(row)
        given = {name: value for name, value in data.items() if name in self.request.data}
        wanted = RuleInput(**{name: given.get(name, getattr(now, name)) for name in _WORDING})
        return services.save_rule(row.pk, wanted=wanted, author=_person(self.cause), cause=self.cause)

    def delete_through(self, row: Rule) -> None:
        services.set_active(row.pk, active=False, cause=self.cause)

    @extend_schema(request=DryRunInput, responses=PreviewSerializer)
    @action(detail=True, methods=["post"], url_path="dry-run", gate_action="read")
    def dry_run(self, request: Request, id: str) -> Response:
        """What the rule would do for a contact now, or about an event. Writes nothing and sends nothing."""
        rule = self.get_object()
        asked = self.validated(DryRunInput)
        about = asked["contact_id"] or asked["event_id"]
        if about.location_id != rule.location_id:
            raise NotFound("That belongs to another location than the rule.")
        if asked["event_id"] is not None:
            selectors.check_event(request.user, about)
            return Response(selectors.preview_event(about, rule).as_dict())
        access.check_on(request.user, "read", about)
        return Response(selectors.preview(about, rule).as_dict())

    @extend_schema(request=None, responses=RuleSerializer)
    @action(detail=True, methods=["post"], gate_action="update")
    def restore(self, request: Request, id: str) -> Response:
        """Bring back the wording the rule was delivered with, as a new version."""
        rule = self.get_object()
        return self.answer(seeds.restore_rule(rule.pk, author=_person(self.cause), cause=self.cause))

    @extend_schema(responses={200: {"type": "object"}})
    @action(detail=False, pagination_class=None, filterset_class=None)
    def vocabulary(self, request: Request) -> Response:
        """What rules are made of: triggers, fields with their values, and the JSON Schema of actions."""
        return Response(
            {
                "triggers": [
                    {"name": t.name, "label": t.label, "fields": sorted(t.fields)}
                    for t in triggers.TRIGGERS.values()
                ],
                "fields": [
                    {
                        "name": spec.name, "type": spec.type, "scope": spec.scope, "label": spec.spoken,
                        "choices": dict(spec.choices),
                    }
                    for spec in facts.registry().values()
                ],
                "actions": action_parser.json_schema(),
            }
        )  # fmt: skip


class RunFilter(django_filters.FilterSet):
    """By rule, contact, event and state."""

    rule = django_filters.UUIDFilter(field_name="rule__public_id")
    key = django_filters.CharFilter(field_name="rule__key")
    contact = django_filters.UUIDFilter(field_name="contact__public_id")
    booking = django_filters.UUIDFilter(field_name="booking__public_id")
    event = django_filters.UUIDFilter(method="of_event")
    created_after = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = RuleRun
        fields = ("state",)

    def of_event(self, runs: Any, _name: str, value: Any) -> Any:
        return runs.filter(event_id__in=Event.objects.filter(public_id=value).values("pk"))


class RunViewSet(ReadViewSet):
    """Which rule met what, and what it did; newest first."""

    queryset = selectors.runs()
    serializer_class = RunSerializer
    filterset_class = RunFilter
    ordering_fields = ("created_at",)

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        kwargs["context"] = {**self.get_serializer_context(), "events": _events_of(args[0] if args else ())}
        return self.get_serializer_class()(*args, **kwargs)


def _events_of(runs: Any) -> dict[int, Event]:
    rows = [runs] if isinstance(runs, RuleRun) else runs or ()
    return Event.objects.in_bulk({run.event_id for run in rows})


class EventFilter(django_filters.FilterSet):
    """By type, contact, visit and time."""

    contact = django_filters.UUIDFilter(method="of_contact")
    booking = django_filters.UUIDFilter(method="of_booking")
    occurred_after = django_filters.IsoDateTimeFilter(field_name="occurred_at", lookup_expr="gte")
    occurred_before = django_filters.IsoDateTimeFilter(field_name="occurred_at", lookup_expr="lt")

    class Meta:
        model = Event
        fields = ("type", "source")

    def of_contact(self, events: Any, _name: str, value: Any) -> Any:
        return events.filter(contact_id__in=Contact.objects.filter(public_id=value).values("pk"))

    def of_booking(self, events: Any, _name: str, value: Any) -> Any:
        return events.filter(booking_id__in=Booking.objects.filter(public_id=value).values("pk"))


class EventViewSet(ReadViewSet):
    """The log of what happened, newest first. It holds no personal data."""

    queryset = Event.objects.all()
    serializer_class = EventSerializer
    filterset_class = EventFilter
    ordering_fields = ("recorded_at",)

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        rows = args[0] if args else ()
        events = [rows] if isinstance(rows, Event) else rows or ()
        kwargs["context"] = {**self.get_serializer_context(), "public_ids": public_ids(events)}
        return self.get_serializer_class()(*args, **kwargs)


class WhyViewSet(ReadViewSet):
    """Why did this happen to a contact, and why did that not?"""

    queryset = Contact.objects.live().select_related("location", "guardian", "owner")
    serializer_class = WhySerializer
    filter_backends: Any = ()
    pagination_class: Any = None

    @extend_schema(
        operation_id="contacts_why",
        parameters=[OpenApiParameter("rule", str, description="Only this rule, by id or key.")],
        responses=WhySerializer,
    )
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """What rules did about the contact, newest first, and what each rule that is on would do now."""
        contact = self.get_object()
        access.check(request.user, "read", "settings", contact.location_id)
        rules = self._rules(contact)
        runs = selectors.why(contact, limit=NEWEST)
        if rules is not None:
            runs = [run for run in runs if run.rule_id in {rule.pk for rule in rules}]
        shown = RunSerializer(runs, many=True, context={"events": _events_of(runs)}).data
        return Response(
            {"runs": shown, "why_not": [item.as_dict() for item in selectors.why_not(contact, rules)]}
        )

    def _rules(self, contact: Contact) -> list[Rule] | None:
        asked = self.request.query_params.get("rule", "")
        if not asked:
            return None
        here = Rule.objects.filter(location=contact.location_id).select_related("current")
        found = [rule for rule in here if asked in (rule.key, str(rule.public_id))]
        if not found:
            raise NotFound("There is no such rule at the contact's location.")
        return found


class UpcomingViewSet(ReadViewSet):
    """What a contact will receive within the next 14 days if nothing else changes."""

    queryset = Contact.objects.live().select_related("location", "guardian", "owner")
    serializer_class = UpcomingSerializer
    filter_backends: Any = ()
    pagination_class: Any = None

    @extend_schema(operation_id="contacts_upcoming", responses=UpcomingSerializer)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Each text and e-mail with when it will go, from which rule, and why it will not, if so."""
        contact = self.get_object()
        access.check(request.user, "read", "messages", contact.location_id)
        found = forecast.upcoming(contact, now=clock.now())
        return Response(
            {
                "until": found.until,
                "results": [
                    {
                        "send_at": item.at, "template": item.what, "channel": item.channel, "subject": item.subject,
                        "body": item.body, "will_go": item.will_go, "end": item.end, "reason": item.reason,
                        "rule": item.rule.key if item.rule else None,
                        "message": str(item.message.public_id) if item.message else None,
                        "step": str(item.step.public_id) if item.step else None,
                    }
                    for item in found.items
                ],
            }
        )  # fmt: skip


routes = [
    ("rules", RuleViewSet, "rule"),
    ("back-tests", BackTestViewSet, "back-test"),
    ("segments", SegmentViewSet, "segment"),
    ("runs", RunViewSet, "run"),
    ("events", EventViewSet, "event"),
]
urlpatterns = [
    re_path(r"^contacts/(?P<id>[^/]+)/why/?$", WhyViewSet.as_view({"get": "retrieve"}), name="contact-why"),
    re_path(
        r"^contacts/(?P<id>[^/]+)/upcoming/?$",
        UpcomingViewSet.as_view({"get": "retrieve"}),
        name="contact-upcoming",
    ),
]
