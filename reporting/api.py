"""Reports over HTTP."""

from __future__ import annotations

from datetime import date
from typing import Any, cast

from django.urls import re_path
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import access
from accounts.models import Location, User
from bookings.models import Booking
from core import clock
from core.api import PublicModelSerializer
from core.api_audit import note
from core.errors import Invalid
from reporting import recovered, selectors

MOST_VISITS = 500


class VisitSerializer(PublicModelSerializer):
    """One visit behind a figure."""

    contact = serializers.UUIDField(source="contact.public_id")
    service = serializers.CharField(source="service.name")
    location = serializers.CharField(source="location.name")

    class Meta:
        model = Booking
        fields = ("id", "appointment_datetime", "contact", "service", "location", "status", "outcome")


_WEEK = inline_serializer(
    "WeeklyReport",
    {
        "period": inline_serializer(
            "Period", {"start": serializers.DateField(), "end": serializers.DateField()}
        ),
        "kpi": inline_serializer(
            "Kpi",
            {
                "attended_appointments": serializers.IntegerField(),
                "attended_appointments_last_week": serializers.IntegerField(),
                "change_vs_last_week": serializers.FloatField(allow_null=True, help_text="percent"),
            },
        ),
        "reactivation": inline_serializer(
            "Reactivation",
            {
                "cancelled_rebooked": serializers.IntegerField(help_text="booked again after a cancellation"),
                "recall_booked": serializers.IntegerField(help_text="booked after a recall text"),
            },
        ),
        "without_outcome": serializers.IntegerField(help_text="visits that are over and not recorded"),
        "visits": VisitSerializer(many=True),
        "visits_without_outcome": VisitSerializer(many=True),
    },
)


class WeeklyReportView(APIView):
    """Attended appointments of a week against the week before, with the visits behind the figure."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(
        operation_id="weekly_report",
        responses=_WEEK,
        parameters=[
            OpenApiParameter("week_start", date, description="a Monday; the present week's by default")
        ],
    )
    def get(self, request: Request) -> Response:
        user = cast(User, request.user)
        access.check(user, "read", "reports")
        now = clock.now()
        start = _week_start(request, now)
        week = selectors.attended_week(user, week_start=start, now=now)
        visits = list(selectors.attended_visits(user, week_start=start)[:MOST_VISITS])
        unrecorded = list(selectors.visits_without_outcome(user, week_start=start, now=now)[:MOST_VISITS])
        back = recovered.recovered_week(user, week_start=start)
        note(request, [*visits, *unrecorded], personal=True)
        return Response(
            {
                "period": {"start": week.week_start, "end": week.week_end},
                "kpi": {
                    "attended_appointments": week.attended,
                    "attended_appointments_last_week": week.attended_week_before,
                    "change_vs_last_week": week.change,
                },
                "reactivation": {
                    "cancelled_rebooked": len(back.rescued),
                    "recall_booked": len(back.recalled),
                },
                "without_outcome": week.without_outcome,
                "visits": VisitSerializer(visits, many=True).data,
                "visits_without_outcome": VisitSerializer(unrecorded, many=True).data,
            }
        )


def _week_start(request: Request, now: Any) -> date:
    given = request.query_params.get("week_start")
    if given is None:
        home = access.home_location(request.user) or Location()
        return selectors.this_monday(home, now)
    try:
        day = date.fromisoformat(given)
    except ValueError:
        raise Invalid(
            f"{given[:20]!r} is not a date. Write it as 2026-11-16.",
            code="bad_date",
            fields={"week_start": "not a date"},
        ) from None
    if day.weekday() != 0:
        raise Invalid(
            f"{given} is not a Monday; the week of that day begins on {selectors.monday(day)}.",
            code="not_a_monday", fields={"week_start": "not a Monday"},
        )  # fmt: skip
    return day


urlpatterns = [re_path(r"^reports/weekly/?$", WeeklyReportView.as_view(), name="report-weekly")]
