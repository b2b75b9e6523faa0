"""Staff, their roles and their tokens in the admin; clinics are in `location_admin`."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from unfold.admin import TabularInline
from unfold.decorators import display

from accounts import access, roles, services, tokens
from accounts.forms import ApiTokenForm, LeavingForm, NewPasswordForm, UserForm
from accounts.location_admin import LocationAdmin
from accounts.models import ApiToken, Membership, PermissionOverride, User
from accounts.staff import ReadOnlyAdmin, ScopedAdmin, cause_of, move_button
from core.causes import Cause
from core.errors import Conflict, Invalid

__all__ = ["LocationAdmin"]


class MembershipFormSet(forms.BaseInlineFormSet):
    """Roles of one person; they are replaced as a whole by the service."""

    def wanted(self) -> list[services.RoleAt]:
        rows = [
            form.cleaned_data
            for form in self.forms
            if form.cleaned_data and not form.cleaned_data.get("DELETE")
        ]
        return [
            services.RoleAt(row["role"], row["location"].pk if row.get("location") else None)
            for row in rows
            if row.get("role")
        ]


class MembershipInline(TabularInline):
    model = Membership
    formset = MembershipFormSet
    fields = ("role", "location")
    extra = 0
    min_num = 1
    verbose_name = "role"
    verbose_name_plural = "roles"

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return access.allowed(request.user, roles.READ, "users")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return access.allowed(request.user, roles.UPDATE, "users")

    has_change_permission = has_add_permission
    has_delete_permission = has_add_permission


class OverrideInline(TabularInline):
    model = PermissionOverride
    fields = ("resource", "action", "allow", "own_location_only", "own_records_only")
    extra = 0
    has_view_permission = MembershipInline.has_view_permission
    has_add_permission = MembershipInline.has_add_permission
    has_change_permission = MembershipInline.has_add_permission
    has_delete_permission = MembershipInline.has_add_permission


def _give_password(row: User, data: dict[str, Any], cause: Cause) -> str:
    try:
        services.set_password(user_id=row.pk, password=data["password"], cause=cause)
    except ValidationError as error:
        raise Invalid(" ".join(error.messages)) from error
    return f"{row} has a new password; their other log-ins have ended."


def _give_token(row: User, data: dict[str, Any], cause: Cause) -> str:
    try:
        _token, plain = tokens.issue_api_token(user=row, name=data["name"], scopes=data["scopes"].split())
    except ValidationError as error:
        raise Invalid(" ".join(error.messages)) from error
    return f"Copy this token now, it is not shown again: {plain}"


def _leave(row: User, data: dict[str, Any], cause: Cause) -> str:
    to = data["hand_over_to"]
    services.update_user(
        user_id=row.pk, fields={"is_active": False}, cause=cause, hand_over_to=to.pk if to else None
    )
    return f"{row} can no longer log in. What they were given is handed over within a minute."


@admin.register(User)
class UserAdmin(ScopedAdmin):
    form = UserForm
    list_display = ("name", "email", "show_role", "is_active", "last_login")
    list_filter = ("is_active", "memberships__role")
    search_fields = ("name", "email")
    inlines = (MembershipInline, OverrideInline)
    fieldsets = ((None, {"fields": (("name", "email"), ("is_active", "default_location"), "skills")}),)
    add_fieldsets = (
        (
            None,
            {"fields": (("name", "email"), "first_password", ("is_active", "default_location"), "skills")},
        ),
    )
    set_password = move_button(
        "Set password", _give_password, name="set_password", form=NewPasswordForm, icon="key"
    )
    new_token = move_button("New API token", _give_token, name="new_token", form=ApiTokenForm, icon="vpn_key")
    leave = move_button(
        "Has left", _leave, name="leave", form=LeavingForm, icon="logout",
        question="Their sessions and tokens end at once.", when=lambda row: row.is_active,
    )  # fmt: skip
    actions_detail = ("set_password", "new_token", "leave")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("memberships__location")

    @display(description="Role")
    def show_role(self, row: User) -> str:
        return "; ".join(str(membership) for membership in row.memberships.all()) or "none"

    def save_through(self, request: HttpRequest, obj: User, form: Any, change: bool) -> User:
        typed = {name: form.cleaned_data[name] for name in form.cleaned_data if name in services.USER_FIELDS}
        if change:
            changed = {name: value for name, value in typed.items() if name in form.changed_data}
            return services.update_user(user_id=obj.pk, fields=changed, cause=cause_of(request))
        password = form.cleaned_data.get("first_password") or None
        return services.create_user(password=password, memberships=[], cause=cause_of(request), **typed)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        if not isinstance(formset, MembershipFormSet):
            super().save_formset(request, form, formset, change)
            return
        services.update_user(
            user_id=form.instance.pk, fields={}, memberships=formset.wanted(), cause=cause_of(request)
        )
        formset.new_objects, formset.changed_objects, formset.deleted_objects = [], [], []


def _revoke(row: ApiToken, data: dict[str, Any], cause: Cause) -> None:
    if row.revoked_at is not None:
        raise Conflict("This token was revoked before.")
    tokens.revoke_api_token(row)


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    list_display = ("name", "prefix", "user", "last_used_at", "expires_at", "revoked_at")
    list_select_related = ("user",)
    search_fields = ("name",)
    exclude = ("digest",)
    revoke = move_button(
        "Revoke",
        _revoke,
        name="revoke",
        done="The token no longer works.",
        icon="block",
        question="Whatever uses it stops working at once.",
        when=lambda row: row.revoked_at is None,
    )
    actions_detail = ("revoke",)
