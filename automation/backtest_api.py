"""Rules tried on the past, over HTTP: asked for at the rule, watched and read here."""

from __future__ import annotations

from typing import Any, cast

import django_filters
from django.db.models import Q, QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from accounts import access, roles
from accounts.models import User
from automation import backtest_shown, backtests, drafts
from automation.backtest_models import MOST_DAYS, BackTest, BackTestHit
from automation.models import Rule
from automation.serializers import RuleChange
from contacts.models import Contact
from core.api import PublicModelSerializer, ReadViewSet
from core.errors import Invalid


class BackTestInput(serializers.Serializer):
    """What is tried: the rule as it is, with those parts of `wording` that are given in place of its own."""

    wording = serializers.DictField(
        required=False, default=dict,
        help_text=f"Any of {', '.join(RuleChange().fields)}; what is left out is as the rule says now.",
    )  # fmt: skip
    days = serializers.IntegerField(min_value=1, max_value=MOST_DAYS, required=False, default=MOST_DAYS)

    def validate_wording(self, given: dict[str, Any]) -> dict[str, Any]:
        unknown = sorted(set(given) - (set(drafts.PARTS) - {"key"}))
        if unknown:
            raise serializers.ValidationError({name: ["A rule has no such part."] for name in unknown})
        return given


class BackTestSerializer(PublicModelSerializer):
    """How far it is, and its figures so far: of the tried wording (`draft`), of the rule as it was when this was asked
    (`live`, where they can be compared) and how they differ (`diff`). Costs are in cents, estimated.
    """

    location = serializers.UUIDField(source="location.public_id", read_only=True)
    rule = serializers.UUIDField(source="rule.public_id", default=None, read_only=True)
    progress = serializers.SerializerMethodField(help_text="Parts played, and how many there are.")
    sentence = serializers.SerializerMethodField(help_text="What was tried, in plain words.")
    not_compared = serializers.SerializerMethodField(help_text="Why `live` is empty; null where it is not.")
    limits = serializers.SerializerMethodField(help_text="What this cannot know.")
    address = serializers.SerializerMethodField()
    hits = serializers.SerializerMethodField(help_text="Where the occasions are listed.")

    class Meta:
        model = BackTest
        fields = (
            "id", "location", "rule", "state", "days", "since", "until", "progress", "sentence", "wording", "live",
            "not_compared", "figures", "limits", "address", "hits", "created_at", "finished_at",
        )  # fmt: skip

    @extend_schema_field(serializers.DictField(child=serializers.IntegerField()))
    def get_progress(self, test: BackTest) -> dict[str, int]:
        return {"done": test.parts_done, "all": len(test.parts)}

    def get_sentence(self, test: BackTest) -> str:
        return backtest_shown.sentence(test.wording)

    def get_not_compared(self, test: BackTest) -> str | None:
        return test.get_alone_display() if test.alone else None

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_limits(self, test: BackTest) -> list[str]:
        return backtest_shown.limits(test)

    def get_address(self, test: BackTest) -> str:
        return self._at("back-test-detail", test)

    def get_hits(self, test: BackTest) -> str:
        return self._at("back-test-hits", test)

    def _at(self, name: str, test: BackTest) -> str:
        return str(reverse(name, kwargs={"id": test.public_id}, request=self.context.get("request")))


class PastStepSerializer(serializers.Serializer):
    does = serializers.CharField(help_text="The step in plain words.")
    at = serializers.DateTimeField()
    done = serializers.BooleanField()
    reason = serializers.CharField()


class HitSerializer(serializers.Serializer):
    """One occasion. `live_steps` are those of the rule as it is, where it would run too and do something else."""

    by = serializers.ChoiceField(choices=BackTestHit.By.choices)
    outcome = serializers.ChoiceField(choices=BackTestHit.Outcome.choices)
    at = serializers.DateTimeField()
    contact = serializers.UUIDField(source="contact.public_id", default=None)
    booking = serializers.UUIDField(source="booking.public_id", default=None)
    reason = serializers.CharField()
    times = serializers.IntegerField(
        help_text="On how many occasions the tried wording would run for this person."
    )
    steps = PastStepSerializer(many=True)
    live_steps = PastStepSerializer(many=True, allow_null=True)


class BackTestFilter(django_filters.FilterSet):
    rule = django_filters.UUIDFilter(field_name="rule__public_id")

    class Meta:
        model = BackTest
        fields = ("state",)


class BackTestViewSet(ReadViewSet):
    """Rules tried on the past, newest first. For whoever may change rules."""

    queryset = BackTest.objects.select_related("location", "rule")
    serializer_class = BackTestSerializer
    filterset_class = BackTestFilter
    ordering_fields = ("created_at",)
    http_method_names = ["get", "head", "options", "post"]

    def required_action(self) -> str:
        return roles.UPDATE

    def get_queryset(self) -> QuerySet[BackTest]:
        return access.visible(super().get_queryset(), self.request.user, roles.UPDATE)

    @extend_schema(responses=HitSerializer(many=True))
    @action(detail=True, methods=["get"], filterset_class=None)
    def hits(self, request: Request, id: str) -> Response:
        """Its occasions, newest first, as far as they are kept and about people whom you may see."""
        test = self.get_object()
        seen = access.visible(Contact, request.user).values("pk")
        rows = BackTestHit.objects.filter(test=test).filter(Q(contact=None) | Q(contact__in=seen))
        page = self.paginate_queryset(rows.select_related("contact", "booking"))
        assert page is not None
        self.note([hit.contact for hit in page if hit.contact is not None])
        return self.get_paginated_response(HitSerializer(page, many=True).data)

    @extend_schema(request=None, responses=BackTestSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, id: str) -> Response:
        """Stop it; what was played stays."""
        test = self.get_object()
        return self.answer(backtests.cancel(test.pk, cause=self.cause))


class BackTesting:
    """POST …/back-test on a rule."""

    @extend_schema(request=BackTestInput, responses={202: BackTestSerializer})
    @action(detail=True, methods=["post"], url_path="back-test", gate_action="update")
    def back_test(self: Any, request: Request, id: str) -> Response:
        """Try the rule, or another wording of it, on the last days. Writes nothing else and sends nothing.

        Answers at once; the result is at `address` when its `state` is done.
        """
        rule: Rule = self.get_object()
        asked = self.validated(BackTestInput)
        try:
            test = backtests.ask(
                location=rule.location, rule=rule, wording=drafts.wording_of(rule) | asked["wording"],
                author=cast(User, request.user), cause=self.cause, days=asked["days"],
            )  # fmt: skip
        except Invalid as refusal:
            if refusal.code != "invalid_rule":
                raise
            fields = {f"wording.{path}": wrong for path, wrong in refusal.fields.items()}
            raise Invalid(refusal.message, code=refusal.code, fields=fields) from None
        shown = BackTestSerializer(test, context=self.get_serializer_context()).data
        return Response(shown, status.HTTP_202_ACCEPTED, headers={"Location": shown["address"]})
