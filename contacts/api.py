"""Contacts over HTTP: the list, one person with everything about them, their moves, the board."""

from __future__ import annotations

from typing import Any, cast

import django_filters  # type: ignore[import-untyped]
from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import access
from accounts.models import User
from contacts import panels, pipeline, scoring, selectors, services
from contacts.api_serializers import (
    ConsentInput,
    ContactCardSerializer,
    ContactChange,
    ContactSerializer,
    DetailSerializer,
    MergeInput,
    MomentSerializer,
    MoveInput,
    NewContact,
    PipelineSerializer,
    TimelineSerializer,
    UnmergedSerializer,
    WarmnessSerializer,
)
from contacts.models import Contact
from contacts.vocabulary import Channel, Purpose
from core.api import BaseViewSet, Creating, CursorPagination, Deleting, Updating
from core.errors import Conflict, NotFound

SEARCH_SIZE = 50


class ContactFilter(django_filters.FilterSet):
    """What a list of contacts can be narrowed by."""

    pipeline = django_filters.ChoiceFilter(
        field_name="current_pipeline", choices=[(name, name) for name in pipeline.PIPELINES]
    )
    stage = django_filters.CharFilter(field_name="current_stage")
    warmness = django_filters.ChoiceFilter(
        method="in_band", choices=[(band.value, band.value) for band in scoring.Band]
    )
    warmness_min = django_filters.NumberFilter(field_name="warmness_score", lookup_expr="gte")
    warmness_max = django_filters.NumberFilter(field_name="warmness_score", lookup_expr="lte")
    owner = django_filters.UUIDFilter(field_name="owner__public_id")
    location = django_filters.UUIDFilter(field_name="location__public_id")
    tag = django_filters.CharFilter(method="tagged")
    created_after = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")
    recall_after = django_filters.DateFilter(field_name="recall_due_date", lookup_expr="gte")
    recall_before = django_filters.DateFilter(field_name="recall_due_date", lookup_expr="lte")
    search = django_filters.CharFilter(
        method="matching", label="Name, phone or e-mail, as in /contacts/search"
    )

    class Meta:
        model = Contact
        fields = ("source", "intent", "is_existing_patient", "is_high_risk")

    def in_band(self, contacts: QuerySet[Contact], _name: str, value: str) -> QuerySet[Contact]:
        return contacts.filter(warmness_score__range=scoring.BANDS[value.lower()])

    def tagged(self, contacts: QuerySet[Contact], _name: str, value: str) -> QuerySet[Contact]:
        return contacts.filter(tags__contains=[value])

    def matching(self, contacts: QuerySet[Contact], _name: str, value: str) -> QuerySet[Contact]:
        return selectors.find(contacts, value, locations=list(access.locations(self.request.user)))


@extend_schema_view(
    list=extend_schema(responses=ContactSerializer(many=True)),
    retrieve=extend_schema(responses=DetailSerializer),
    create=extend_schema(request=NewContact, responses={201: ContactCardSerializer}),
    update=extend_schema(request=ContactChange, responses=ContactCardSerializer),
    partial_update=extend_schema(request=ContactChange, responses=ContactCardSerializer),
)
class ContactViewSet(Creating, Updating, Deleting, BaseViewSet):
    """People: leads and patients. Hidden and merged ones are not shown."""

    queryset = Contact.objects.live().select_related("location", "guardian", "owner")
    serializer_class = ContactCardSerializer
    write_serializer_class = ContactChange
    filterset_class = ContactFilter
    ordering = ("-created_at",)
    ordering_fields = ("created_at", "name", "warmness_score", "stage_entered_at")

    def get_serializer_class(self) -> Any:
        lists = {"list": ContactSerializer, "search": ContactSerializer, "create": NewContact}
        return lists.get(self.action) or super().get_serializer_class()

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        contact = self.get_object()
        shown = ContactCardSerializer(contact, context=self.get_serializer_context()).data
        return Response({"contact": shown, **panels.details(contact, cast(User, request.user))})

    def get_object(self) -> Contact:
        """The contact in the path. Of one that was merged the refusal names the contact it is now."""
        try:
            found: Contact = super().get_object()
        except Http404:
            now = selectors.merged_into(self.kwargs["id"], cast(User, self.request.user))
            if now is None:
                raise
            raise NotFound(
                "This contact was merged into another one. Ask for that one.", code="merged",
                fields={"merged_into": str(now.public_id)},
            ) from None  # fmt: skip
        return found

    def create_through(self, data: dict[str, Any]) -> Contact:
        location = self.location(getattr(data.pop("location", None), "public_id", None))
        is_lead = data.pop("is_lead")
        result = services.create_contact(location=location, fields=data, is_lead=is_lead, cause=self.cause)
        return result.contact

    def update_through(self, row: Contact, data: dict[str, Any]) -> Contact:
        return services.update_contact(contact_id=row.pk, fields=data, cause=self.cause)

    def delete_through(self, row: Contact) -> None:
        services.delete_contact(contact_id=row.pk, cause=self.cause)

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "q",
                str,
                required=True,
                description="Name, phone in any spelling or a run of its digits, or e-mail.",
            )
        ],
        responses=ContactSerializer(many=True),
    )
    @action(detail=False, pagination_class=None, filterset_class=None)
    def search(self, request: Request) -> Response:
        """The contacts that match, best first: at most 50."""
        text = request.query_params.get("q", "")[:200]
        found = selectors.find(self.get_queryset(), text, locations=list(access.locations(request.user)))
        rows = list(found[:SEARCH_SIZE])
        self.note(rows)
        return Response(
            {"results": self.get_serializer(rows, many=True).data, "next": None, "previous": None}
        )

    @extend_schema(request=None, responses=WarmnessSerializer)
    @action(detail=True, methods=["post"], url_path="recalculate-warmness", gate_action="update")
    def recalculate_warmness(self, request: Request, id: str) -> Response:
        """Compute the score anew, and say what it is made of."""
        return self._rescored()

    @extend_schema(request=None, responses=WarmnessSerializer)
    @action(detail=True, methods=["post"], gate_action="update")
    def warmness(self, request: Request, id: str) -> Response:
        """The older name of recalculate-warmness."""
        return self._rescored()

    def _rescored(self) -> Response:
        contact = self.get_object()
        services.recalculate_warmness([contact.pk], cause=self.cause)
        contact.refresh_from_db()
        explained = selectors.extras([contact])[contact.pk].warmness.as_dict()
        return Response({"success": True, "warmness_score": contact.warmness_score, **explained})

    @extend_schema(request=MoveInput, responses=ContactCardSerializer)
    @action(detail=True, methods=["post"], url_path="move-stage", gate_action="update")
    def move_stage(self, request: Request, id: str) -> Response:
        """Move the contact along its pipeline; 409 names both stages when the move is not allowed."""
        contact = self.get_object()
        data = self.validated(MoveInput)
        target = data.get("pipeline") or contact.current_pipeline
        services.move_stage(
            services.StageMove(contact.pk, target, data["stage"], data["reason"], cause=self.cause)
        )
        return self.answer(contact)

    @extend_schema(request=MergeInput, responses=ContactCardSerializer)
    @action(detail=True, methods=["post"], gate_action="update")
    def merge(self, request: Request, id: str) -> Response:
        """Two contacts are one person: make them one, and answer the one that stays. Everything of the other goes
        to it, and the other's id answers 404 with code `merged` and the id that stays in `fields.merged_into`.

        409 when one of them was merged meanwhile.
        """
        try:
            contact = self.get_object()
        except NotFound as gone:
            raise Conflict(gone.message, code=gone.code, fields=gone.fields) from None
        [(way, other_id)] = self.validated(MergeInput).items()
        known = Contact.objects.filter(deleted_at__isnull=True)
        other = access.get_visible_or_404(known, cast(User, request.user), other_id, "update")
        self.note([other])
        keep, away = (other, contact) if way == "into" else (contact, other)
        return self.answer(services.merge_contacts(keep_id=keep.pk, away_id=away.pk, cause=self.cause))

    @extend_schema(request=None, responses=UnmergedSerializer)
    @action(detail=True, methods=["post"], gate_action="update")
    def unmerge(self, request: Request, id: str) -> Response:
        """Undo the merge of the contact in the path, which was merged into another one. What the merge moved comes
        back; fields changed since (`kept`) and rows made since (`stayed`) remain with the one it was merged into.

        409 when it is not merged, when the merge was never written down, or when a later merge has to be undone
        first; that one's contact is then in `fields.first`.
        """
        self.queryset = Contact.objects.select_related("location", "guardian", "owner")
        contact = self.get_object()
        if contact.merged_into is not None:
            user, survivor = cast(User, request.user), contact.merged_into
            self.note([access.get_visible_or_404(Contact, user, survivor.public_id, "update")])
        undone = services.unmerge_contact(contact_id=contact.pk, cause=self.cause)
        shown = UnmergedSerializer(undone, context=self.get_serializer_context())
        return Response(shown.data)

    @extend_schema(request=ConsentInput, responses=ContactCardSerializer)
    @action(detail=True, methods=["post"], url_path="opt-out", gate_action="update")
    def opt_out(self, request: Request, id: str) -> Response:
        """Stop messages to the contact's phone (or e-mail):
        to everyone reached there, for all purposes unless said.
        """
        return self._consent("withdrawn", Purpose.values)

    @extend_schema(request=ConsentInput, responses=ContactCardSerializer)
    @action(detail=True, methods=["post"], url_path="opt-in", gate_action="update")
    def opt_in(self, request: Request, id: str) -> Response:
        """Allow messages again: service and care unless said; marketing only when named."""
        return self._consent("granted", [Purpose.SERVICE.value, Purpose.CARE.value])

    def _consent(self, state: str, purposes: list[str]) -> Response:
        contact = self.get_object()
        data = self.validated(ConsentInput)
        services.set_consent(
            location_id=contact.location_id,
            address=contact.email if data["channel"] == Channel.EMAIL else contact.reach_phone,
            channel=data["channel"],
            purposes=data.get("purposes") or purposes,
            state=state,
            basis="staff",
            wording=data["wording"],
            source="api",
            cause=self.cause,
            contact_id=contact.pk,
        )
        return self.answer(contact)

    @extend_schema(request=None, responses=ContactCardSerializer)
    @action(detail=True, methods=["post"], url_path="undo-delete", gate_action="delete")
    def undo_delete(self, request: Request, id: str) -> Response:
        """Bring a hidden contact back."""
        self.queryset = Contact.objects.select_related("location", "guardian", "owner")
        contact = services.undo_delete(contact_id=self.get_object().pk, cause=self.cause)
        return self.answer(contact)

    @extend_schema(
        parameters=[OpenApiParameter("cursor", str), OpenApiParameter("page_size", int)],
        responses=TimelineSerializer,
    )
    @action(detail=True, filterset_class=None)
    def timeline(self, request: Request, id: str) -> Response:
        """What happened with this contact, newest first."""
        contact = self.get_object()
        size = CursorPagination().get_page_size(request)
        lines = selectors.timeline(contact, limit=size + 1, before=request.query_params.get("cursor", ""))
        shown, more = lines[:size], len(lines) > size
        following = _with_cursor(request, shown[-1].cursor) if more else None
        return Response(
            {"results": MomentSerializer(shown, many=True).data, "next": following, "previous": None}
        )


def _with_cursor(request: Request, cursor: str) -> str:
    query = request.query_params.copy()
    query["cursor"] = cursor
    return f"{request.build_absolute_uri(request.path)}?{query.urlencode()}"


class PipelineViewSet(BaseViewSet):
    """The board: the pipelines, their stages, and who stands where."""

    queryset = Contact.objects.live().select_related("location", "guardian", "owner")
    serializer_class = ContactSerializer
    filterset_class = ContactFilter
    ordering = ("-stage_entered_at",)
    ordering_fields = ContactViewSet.ordering_fields
    lookup_field = "current_pipeline"
    lookup_url_kwarg = "name"

    @extend_schema(responses=PipelineSerializer(many=True), filters=False)
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The pipelines with the number of contacts in each stage."""
        rows = selectors.board(self.get_queryset())
        return Response({"results": PipelineSerializer(rows, many=True).data, "next": None, "previous": None})

    @extend_schema(responses=ContactSerializer(many=True))
    @action(detail=True)
    def contacts(self, request: Request, name: str) -> Response:
        """The contacts of a pipeline, latest moves first; `?stage=` narrows to one stage."""
        if name not in pipeline.PIPELINES:
            raise NotFound(
                f"There is no pipeline {name!r}. The pipelines are: {', '.join(pipeline.PIPELINES)}."
            )
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset().filter(current_pipeline=name)))
        self.note(page)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


routes = [("contacts", ContactViewSet, "contact"), ("pipelines", PipelineViewSet, "pipeline")]
