"""Sign-in, who am I, locations, users."""

from __future__ import annotations

import uuid
from typing import Any

from django.urls import re_path
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import access, guard, roles, services, tokens
from accounts.authentication import BearerAuthentication
from accounts.models import Location, Membership, User
from accounts.net import client_ip
from core.api import BaseViewSet, Creating, PublicIdField, PublicModelSerializer, Updating
from core.api_audit import note, touched
from core.api_parsers import LimitedJSONParser
from core.errors import DomainError


class SignInInput(serializers.Serializer):
    email = serializers.CharField(max_length=254)
    password = serializers.CharField(max_length=1024, trim_whitespace=False)


class RefreshInput(serializers.Serializer):
    refresh = serializers.CharField(max_length=200)


class LogoutInput(serializers.Serializer):
    refresh = serializers.CharField(max_length=200, required=False, default="")


class TokensOutput(serializers.Serializer):
    access = serializers.CharField()
    refresh = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="Seconds until the access token expires.")


class _OpenDoor(APIView):
    """No credential is looked at on the way in: these views are where one is given."""

    authentication_classes = ()
    permission_classes = ()
    parser_classes = (LimitedJSONParser,)

    def answer(self, request: Request, user: User, pair: tokens.Tokens) -> Response:
        touched(request).user_id = user.pk
        data = {"access": pair.access, "refresh": pair.refresh, "expires_in": pair.expires_in}
        return Response(data, headers={"Cache-Control": "no-store"})


class TokenView(_OpenDoor):
    @extend_schema(
        operation_id="sign_in",
        request=SignInInput,
        responses={200: TokensOutput, 401: OpenApiResponse(description="Wrong e-mail or password")},
    )
    def post(self, request: Request) -> Response:
        """Sign in with e-mail and password."""
        given = _checked(SignInInput, request)
        try:
            user, pair = tokens.sign_in(**given, ip=client_ip(request._request))
        except guard.TooManyAttempts as error:
            return _too_many(error)
        return self.answer(request, user, pair)


class RefreshView(_OpenDoor):
    @extend_schema(
        operation_id="refresh",
        request=RefreshInput,
        responses={
            200: TokensOutput,
            401: OpenApiResponse(description="The refresh token is used up or over"),
        },
    )
    def post(self, request: Request) -> Response:
        """Exchange a refresh token, which is good once, for new tokens."""
        user, pair = tokens.refresh(token=_checked(RefreshInput, request)["refresh"])
        return self.answer(request, user, pair)


class LogoutView(APIView):
    authentication_classes = (BearerAuthentication,)
    permission_classes = ()
    parser_classes = (LimitedJSONParser,)

    @extend_schema(operation_id="sign_out", request=LogoutInput, responses={204: None})
    def post(self, request: Request) -> Response:
        """End this log-in: its access and refresh tokens stop working at once."""
        given = _checked(LogoutInput, request)
        family = request.auth if isinstance(request.auth, uuid.UUID) else None
        tokens.sign_out(refresh_token=given["refresh"], family=family)
        return Response(status=204)


def _checked(serializer_class: type[serializers.Serializer], request: Request) -> dict[str, Any]:
    serializer = serializer_class(data=request.data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def _too_many(error: guard.TooManyAttempts) -> Response:
    refusal = DomainError(str(error), code="too_many_attempts")
    return Response({"error": refusal.as_dict()}, status=429, headers={"Retry-After": str(error.retry_after)})


class LocationSerializer(PublicModelSerializer):
    class Meta:
        model = Location
        fields = (
            "id",
            "name",
            "code",
            "time_zone",
            "region",
            "currency",
            "phone",
            "address",
            "booking_link",
            "review_link",
            "opening_hours",
            "holiday_country",
            "holiday_state",
            "holiday_own_days",
            "quiet_hours_start",
            "quiet_hours_end",
            "legal_profile",
            "kpi_targets",
            "daily_sms_cap_cents",
            "automation_mode",
            "live_since",
            "created_at",
            "updated_at",
        )
        read_only_fields = ("live_since", "created_at", "updated_at")


class LocationBrief(serializers.Serializer):
    id = serializers.UUIDField(source="public_id")
    name = serializers.CharField()
    code = serializers.CharField()
    time_zone = serializers.CharField()


class MembershipSerializer(serializers.Serializer):
    role = serializers.ChoiceField(choices=Membership.Role.choices)
    location = PublicIdField(queryset=Location.objects.all(), allow_null=True, required=False, default=None)


class UserSerializer(PublicModelSerializer):
    memberships = MembershipSerializer(many=True)
    default_location = PublicIdField(queryset=Location.objects.all(), allow_null=True, required=False)

    class Meta:
        model = User
        fields: tuple[str, ...] = (
            "id",
            "email",
            "name",
            "skills",
            "is_active",
            "default_location",
            "memberships",
            "last_login",
            "created_at",
        )
        read_only_fields = ("last_login", "created_at")


class UserInput(UserSerializer):
    skills = serializers.ListField(child=serializers.CharField(max_length=40), required=False)
    hand_over_to = PublicIdField(
        queryset=User.objects.filter(is_active=True), write_only=True, required=False, allow_null=True,
        help_text="With is_active false: who gets the open tasks, contacts and conversations.",
    )  # fmt: skip

    class Meta(UserSerializer.Meta):
        fields = (*UserSerializer.Meta.fields, "hand_over_to")


class NewUserInput(UserInput):
    password = serializers.CharField(
        max_length=1024,
        write_only=True,
        required=False,
        trim_whitespace=False,
        help_text="Left out: the account cannot log in until an admin sets one.",
    )

    hand_over_to = None  # type: ignore[assignment]

    class Meta(UserInput.Meta):
        fields = (*UserSerializer.Meta.fields, "password")


class MeOutput(serializers.Serializer):
    id = serializers.UUIDField(source="public_id")
    email = serializers.EmailField()
    name = serializers.CharField()
    role = serializers.CharField(help_text="The strongest role held anywhere.")
    locations = serializers.SerializerMethodField()
    default_location = serializers.SerializerMethodField()
    permissions = serializers.SerializerMethodField()

    @extend_schema_field(LocationBrief(many=True))
    def get_locations(self, user: User) -> Any:
        return LocationBrief(access.locations(user), many=True).data

    @extend_schema_field(LocationBrief(allow_null=True))
    def get_default_location(self, user: User) -> Any:
        home = access.home_location(user)
        return LocationBrief(home).data if home else None

    @extend_schema_field(
        {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}}
    )
    def get_permissions(self, user: User) -> dict[str, list[str]]:
        return access.permissions(user)


class MeView(APIView):
    authentication_classes = (BearerAuthentication, SessionAuthentication)
    permission_classes = (IsAuthenticated,)

    @extend_schema(operation_id="me", responses=MeOutput)
    def get(self, request: Request) -> Response:
        """Who am I: role, locations and what I may do."""
        note(request, [request.user])
        return Response(MeOutput(request.user).data)


class PermissionsView(APIView):
    authentication_classes = (BearerAuthentication, SessionAuthentication)
    permission_classes = (IsAuthenticated,)

    @extend_schema(operation_id="permissions", responses={200: {"type": "object"}})
    def get(self, request: Request) -> Response:
        """What each role may do with each resource."""
        access.check(request.user, roles.READ, "settings")
        table = {
            role: {name: [a for a in roles.ACTIONS if a in held] for name, held in row.items()}
            for role, row in roles.TABLE.items()
        }
        return Response({"roles": table, "resources": list(roles.RESOURCES), "actions": list(roles.ACTIONS)})


@extend_schema_view(list=extend_schema(description="The clinics you work in."))
class LocationViewSet(Creating, Updating, BaseViewSet):
    queryset = Location.objects.all()
    serializer_class = LocationSerializer
    ordering_fields = ("name", "created_at")
    ordering = ("name",)
    search_fields = ("name", "code")

    def create_through(self, data: dict[str, Any]) -> Location:
        access.check(self.request.user, roles.CREATE, "users")
        return services.create_location(fields=data, cause=self.cause)

    def update_through(self, row: Location, data: dict[str, Any]) -> Location:
        return services.update_location(location_id=row.pk, fields=data, cause=self.cause)


@extend_schema_view(list=extend_schema(description="Staff accounts; for admins."))
class UserViewSet(Creating, Updating, BaseViewSet):
    queryset = User.objects.select_related("default_location").prefetch_related("memberships__location")
    serializer_class = UserSerializer
    ordering_fields = ("name", "email", "created_at")
    ordering = ("name",)
    search_fields = ("name", "email")
    filterset_fields = ("is_active",)

    def get_serializer_class(self) -> Any:
        if self.action == "create":
            return NewUserInput
        return UserInput if self.action in ("update", "partial_update") else UserSerializer

    def create_through(self, data: dict[str, Any]) -> User:
        return services.create_user(
            password=data.pop("password", None),
            memberships=_roles(data.pop("memberships")),
            cause=self.cause,
            **data,
        )

    def update_through(self, row: User, data: dict[str, Any]) -> User:
        wanted = data.pop("memberships", None)
        to = data.pop("hand_over_to", None)
        return services.update_user(
            user_id=row.pk,
            hand_over_to=to.pk if to else None,
            fields=data,
            memberships=None if wanted is None else _roles(wanted),
            cause=self.cause,
        )


def _roles(given: list[dict[str, Any]]) -> list[services.RoleAt]:
    return [
        services.RoleAt(item["role"], item["location"].pk if item.get("location") else None) for item in given
    ]


routes = [("locations", LocationViewSet, "location"), ("users", UserViewSet, "user")]

urlpatterns = [
    re_path(r"^auth/token/?$", TokenView.as_view(), name="auth-token"),
    re_path(r"^auth/refresh/?$", RefreshView.as_view(), name="auth-refresh"),
    re_path(r"^auth/logout/?$", LogoutView.as_view(), name="auth-logout"),
    re_path(r"^me/?$", MeView.as_view(), name="me"),
    re_path(r"^permissions/?$", PermissionsView.as_view(), name="permissions"),
]
