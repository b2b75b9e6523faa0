"""The base every API viewset stands on.

A viewset names its queryset and serializers and says, in `create_through`, `update_through` and
`delete_through`, which service does the work. Rows are found by public id through the gate; a row of another
location is a 404.

    class ContactViewSet(Creating, Updating, BaseViewSet):
        queryset = Contact.objects.select_related("owner")
        serializer_class = ContactSerializer
        write_serializer_class = ContactInput
        ordering_fields = ("created_at", "name")
        search_fields = ("name", "email")

        def create_through(self, data):
            return services.create_contact(location=self.location(), fields=data, cause=self.cause)

        @action(detail=True, methods=["post"], gate_action="update")
        def recalculate(self, request, id): contact = self.get_object(); …; return self.answer(contact)
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model, QuerySet
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework import exceptions, permissions, status, viewsets
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from core.api_audit import note
from core.api_fields import MomentField, PublicIdField, PublicModelSerializer
from core.api_filters import OrderingFilter, SearchFilter
from core.api_gate import gate
from core.api_paging import CursorPagination
from core.api_parsers import LimitedJSONParser
from core.causes import Cause
from core.errors import NotAllowed

__all__ = [
    "BaseViewSet",
    "Creating",
    "CursorPagination",
    "Deleting",
    "GatePermission",
    "MomentField",
    "PublicIdField",
    "PublicModelSerializer",
    "ReadViewSet",
    "Updating",
    "note",
]

#: Resources whose rows are about patients or staff.
PERSONAL = frozenset({"contacts", "bookings", "tasks", "messages", "users", "audit"})

_ACTIONS = {
    "GET": "read",
    "HEAD": "read",
    "OPTIONS": "read",
    "PUT": "update",
    "PATCH": "update",
    "DELETE": "delete",
}


class GatePermission(permissions.IsAuthenticated):
    """Signed in, and allowed the view's action on its resource in at least one location."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not super().has_permission(request, view):
            return False
        try:
            gate().check(request.user, view.required_action(), view.resource())
        except NotAllowed:
            self._hide_what_is_not_theirs(request, view)
            raise
        return True

    def _hide_what_is_not_theirs(self, request: Request, view: Any) -> None:
        """A row of another location is a 404 whatever one wanted with it."""
        key = view.kwargs.get(view.lookup_url_kwarg)
        if key is not None:
            gate().check(request.user, "read", view.resource())
            gate().get_visible_or_404(view.queryset.all(), request.user, key)


class BaseViewSet(viewsets.GenericViewSet):
    """Reading rows the person may see: scoped queryset, public ids, paging, whitelisted filters.

    Extra actions name what they need with `@action(..., gate_action="update")`; a POST without it counts as
    update.
    """

    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    lookup_value_regex = "[^/]+"
    permission_classes = (GatePermission,)
    pagination_class = CursorPagination
    parser_classes = (LimitedJSONParser,)
    renderer_classes = (JSONRenderer,)
    filter_backends = (DjangoFilterBackend, OrderingFilter, SearchFilter)
    ordering_fields: ClassVar[tuple[str, ...]] = ()
    search_fields: ClassVar[tuple[str, ...]] = ()
    write_serializer_class: Any = None
    gate_action = ""

    def resource(self) -> str:
        """The gate's resource, as the model declares it."""
        return gate().resource_of(self._model())

    def _model(self) -> type[Model]:
        queryset = getattr(self, "queryset", None)
        if not isinstance(queryset, QuerySet):
            raise ImproperlyConfigured(f"{type(self).__name__} names no queryset.")
        return queryset.model

    def required_action(self) -> str:
        """What the gate is asked for: the action's own word, else by method; creating and deleting are
        standard.
        """
        if self.gate_action:
            return self.gate_action
        if self.action == "create":
            return "create"
        return _ACTIONS.get(self.request.method or "", "update")

    @property
    def cause(self) -> Cause:
        """The person asking, as the cause of what services change."""
        return Cause.user(str(self.request.user.pk))

    def location(self, public_id: object = None) -> Any:
        """The location a new row belongs to: the one asked for, if visible, else the person's own.

        Raises NotAllowed when the person may not create there, Http404 when there is no such location.
        """
        found = gate().location_for(self.request.user, public_id)
        gate().check(self.request.user, self.required_action(), self.resource(), found)
        return found

    def get_queryset(self) -> QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):
            return super().get_queryset().none()
        return gate().visible(super().get_queryset(), self.request.user)

    def get_object(self) -> Any:
        """The row in the path, if visible and open to this action."""
        row = gate().get_visible_or_404(
            super().get_queryset(),
            self.request.user,
            self.kwargs[self.lookup_url_kwarg],
            self.required_action(),
        )
        self.note([row])
        return row

    def get_serializer_class(self) -> Any:
        writing = self.action in ("create", "update", "partial_update")
        return (self.write_serializer_class if writing else None) or super().get_serializer_class()

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        if page is None:  # a view that turned paging off has actions only: whole tables are never listed
            raise exceptions.MethodNotAllowed(request.method or "")
        self.note(page)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(self.get_serializer(self.get_object()).data)

    def answer(self, row: Model, http_status: int = status.HTTP_200_OK) -> Response:
        """The row as it now stands, read again with all that its serializer shows."""
        fresh = super().get_queryset().get(pk=row.pk)
        self.note([fresh])
        shown = super().get_serializer_class()
        return Response(shown(fresh, context=self.get_serializer_context()).data, status=http_status)

    def validated(self, serializer_class: Any = None, **kwargs: Any) -> dict[str, Any]:
        """The request's body, checked. Raises ValidationError (422) naming each field that is wrong."""
        wanted = serializer_class or self.get_serializer_class()
        serializer = wanted(data=self.request.data, context=self.get_serializer_context(), **kwargs)
        serializer.is_valid(raise_exception=True)
        self.note(fields=serializer.validated_data)
        return dict(serializer.validated_data)

    def note(self, rows: Any = (), *, fields: Any = ()) -> None:
        """Tell the audit row which rows and fields this request touched."""
        note(self.request, rows, fields=fields, personal=self.resource() in PERSONAL)


class ReadViewSet(BaseViewSet):
    """Nothing but reading."""

    http_method_names = ["get", "head", "options"]


class Creating:
    """POST on the list, through a service."""

    def create(self: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.answer(self.create_through(self.validated()), status.HTTP_201_CREATED)

    def create_through(self, data: dict[str, Any]) -> Model:
        """Make the row with a service and return it."""
        raise NotImplementedError


class Updating:
    """PATCH, and PUT with every writable field given, through a service."""

    def update(self: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self._update(partial=False)

    def partial_update(self: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self._update(partial=True)

    def _update(self: Any, *, partial: bool) -> Response:
        row = self.get_object()
        return self.answer(self.update_through(row, self.validated(instance=row, partial=partial)))

    def update_through(self, row: Any, data: dict[str, Any]) -> Model:
        """Change the row with a service and return it."""
        raise NotImplementedError


class Deleting:
    """DELETE, through a service."""

    def destroy(self: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        self.delete_through(self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    def delete_through(self, row: Any) -> None:
        """Remove, hide or cancel the row with a service."""
        raise NotImplementedError
