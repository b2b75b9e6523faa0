"""What people do with conversations over HTTP, and how they find them."""

from __future__ import annotations

from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from contacts.api_serializers import ColleagueField
from core.api import MomentField
from messaging import talks
from messaging.models import Conversation


class ConversationFilter(django_filters.FilterSet):
    """By state and channel; whose they are (me, nobody, or a person's id); what nobody has read."""

    assigned_to = django_filters.CharFilter(method="whose")
    unread = django_filters.BooleanFilter(method="not_read")
    undeliverable = django_filters.BooleanFilter(method="cannot_reach")

    class Meta:
        model = Conversation
        fields = ("state", "channel")

    def whose(self, rows: Any, _name: str, value: str) -> Any:
        if value == "me":
            return rows.filter(assigned_to=self.request.user)
        if value == "nobody":
            return rows.filter(assigned_to__isnull=True)
        try:
            return rows.filter(assigned_to__public_id=serializers.UUIDField().to_internal_value(value))
        except serializers.ValidationError as error:
            raise serializers.ValidationError(
                {"assigned_to": ["Use me, nobody, or a person's id."]}
            ) from error

    def not_read(self, rows: Any, _name: str, value: bool) -> Any:
        return rows.filter(talks.UNREAD) if value else rows.exclude(talks.UNREAD)

    def cannot_reach(self, rows: Any, _name: str, value: bool) -> Any:
        return talks.undeliverable(rows) if value else rows


class TalkAssignInput(serializers.Serializer):
    assigned_to = ColleagueField(queryset=User.objects.all(), allow_null=True)


class TalkSnoozeInput(serializers.Serializer):
    until = MomentField()


class TalkMoves:
    """The moves of a conversation, as actions of its viewset."""

    @extend_schema(request=TalkAssignInput)
    @action(detail=True, methods=["post"], gate_action="update")
    def assign(self: Any, request: Request, id: str) -> Response:
        """Give it to a colleague, or with null to nobody."""
        talk, to = self.get_object(), self.validated(TalkAssignInput)["assigned_to"]
        return self._answer(talks.assign_conversation(conversation_id=talk.pk, to=to, cause=self.cause))

    @extend_schema(request=TalkSnoozeInput)
    @action(detail=True, methods=["post"], gate_action="update")
    def snooze(self: Any, request: Request, id: str) -> Response:
        """Let it rest until then, or until the patient writes."""
        talk, until = self.get_object(), self.validated(TalkSnoozeInput)["until"]
        return self._answer(talks.snooze_conversation(conversation_id=talk.pk, until=until, cause=self.cause))

    @extend_schema(request=None)
    @action(detail=True, methods=["post"], gate_action="update")
    def close(self: Any, request: Request, id: str) -> Response:
        """Nothing more is to be done; a new message opens it again."""
        talk = self.get_object()
        return self._answer(talks.close_conversation(conversation_id=talk.pk, cause=self.cause))

    @extend_schema(request=None)
    @action(detail=True, methods=["post"], gate_action="update")
    def reopen(self: Any, request: Request, id: str) -> Response:
        """Take a closed or resting one up again."""
        talk = self.get_object()
        return self._answer(talks.reopen_conversation(conversation_id=talk.pk, cause=self.cause))

    @extend_schema(request=None)
    @action(detail=True, methods=["post"], gate_action="update")
    def seen(self: Any, request: Request, id: str) -> Response:
        """Mark it as looked at."""
        talk = self.get_object()
        talks.mark_seen(conversation_id=talk.pk)
        return self._answer(talk)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"], gate_action="update")
    def unread(self: Any, request: Request, id: str) -> Response:
        """Let the patient's last words count as new again."""
        talk = self.get_object()
        talks.mark_unread(conversation_id=talk.pk)
        talk.refresh_from_db()
        return self._answer(talk)

    def _answer(self: Any, talk: Conversation) -> Response:
        answer: Response = self.answer(talk)
        return answer
