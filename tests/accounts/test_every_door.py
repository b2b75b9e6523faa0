"""What holds for every admin page and every API route of the whole system, whoever wrote it."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.urls import URLPattern, get_resolver, reverse
from rest_framework.permissions import IsAuthenticated

from accounts import access
from accounts.models import User
from accounts.staff import ScopedAdmin
from avatar_cms.system_admin import SystemAdmin
from core.api import BaseViewSet, GatePermission

ROLES = ("admin", "manager", "staff", "readonly")
OURS = (
    "core",
    "accounts",
    "integrations",
    "contacts",
    "bookings",
    "tasks",
    "messaging",
    "automation",
    "reporting",
)
#: API views that are open on purpose: where a credential is given, and what everybody may read.
OPEN = {"TokenView", "RefreshView", "LogoutView", "SpectacularAPIView", "DocsView"}


def api_views() -> list[tuple[str, Any]]:
    found = []
    for entry in get_resolver("avatar_cms.api_urls").url_patterns:
        assert isinstance(entry, URLPattern)
        view = getattr(entry.callback, "cls", None) or getattr(entry.callback, "view_class", None)
        found.append((str(entry.pattern), view))
    return found


def test_every_admin_of_ours_stands_behind_the_gate() -> None:
    open_doors = [
        model._meta.label
        for model, model_admin in admin.site._registry.items()
        if not isinstance(model_admin, ScopedAdmin | SystemAdmin)
    ]
    assert open_doors == []


@pytest.mark.django_db
def test_every_model_of_ours_says_how_the_gate_reaches_it() -> None:
    silent = []
    for label in OURS:
        for model in apps.get_app_config(label).get_models():
            try:
                declared = access.access_of(model)
            except TypeError:
                silent.append(model._meta.label)
                continue
            access.visible(model, User(is_superuser=True, pk=0)).query.sql_with_params()
            model._default_manager.filter(**{f"{declared.location}__in": []})
            if declared.owner:
                model._default_manager.filter(**{declared.owner: 1})
    of_the_machine = {"core.Heartbeat", "core.Alarm", "core.InvariantRun", "accounts.Installation"}
    assert set(silent) == of_the_machine, "they belong to no clinic; the page Operations shows them to owners"


@pytest.mark.parametrize("who", ROLES)
def test_every_list_opens_for_those_who_may_read_it_and_no_one_else(
    pages: Any, staff: dict[str, User], who: str
) -> None:
    client = pages(who)
    got, expected = {}, {}
    for model, model_admin in admin.site._registry.items():
        if not isinstance(model_admin, ScopedAdmin):
            continue
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        got[name] = client.get(reverse(f"admin:{name}_changelist"), follow=True).status_code
        may = access.allowed(staff[who], "read", access.resource_of(model))
        expected[name] = 200 if may else 403
    assert got == expected


def test_every_list_answers_whatever_stands_in_its_address(pages: Any) -> None:
    client = pages("admin")
    client.raise_request_exception = False
    odd = {}
    for model, model_admin in admin.site._registry.items():
        if not isinstance(model_admin, ScopedAdmin):
            continue
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        filters = [one[0] if isinstance(one, tuple) else one for one in model_admin.list_filter]
        names = [
            "q",
            "p",
            "o",
            *(one if isinstance(one, str) else one.parameter_name for one in filters if one),
        ]
        for name in filter(None, names):
            for value in ("abc", "a\x00b", "²", "-1", "9" * 30):
                status = client.get(address, {name: value}).status_code
                if status >= 500:
                    odd[f"{address}?{name}={value!r}"] = status
    assert odd == {}


def test_every_api_view_asks_who_is_calling() -> None:
    for route, view in api_views():
        if view is None or view.__name__ in OPEN:
            assert view is not None, f"{route} is not an API view"
            continue
        asks = {GatePermission, IsAuthenticated} & set(view.permission_classes)
        assert asks or any(issubclass(item, IsAuthenticated) for item in view.permission_classes), route


def test_every_viewset_reads_through_the_gate() -> None:
    for route, view in api_views():
        if issubclass(view, BaseViewSet):
            assert issubclass(view.permission_classes[0], GatePermission), route
            access.resource_of(view.queryset.model)


@pytest.mark.parametrize("who", ["readonly", "staff"])
def test_every_plain_list_of_the_api_answers(api: Any, who: str) -> None:
    client = api(who)
    for route, view in api_views():
        if "(?P" in route or "list" not in str(getattr(view, "actions", None) or dir(view)):
            continue
        if not issubclass(view, BaseViewSet):
            continue
        address = "/api/" + route.removeprefix("^").removesuffix("\\Z").removesuffix("$").removesuffix("/?")
        assert client.get(address).status_code in (200, 403, 405), address


def test_strangers_get_nothing_from_any_api_route(client: Any, db: None) -> None:
    for route, view in api_views():
        if view.__name__ in OPEN or "(?P" in route:
            continue
        address = "/api/" + route.removeprefix("^").removesuffix("\\Z").removesuffix("$").removesuffix("/?")
        answer = client.get(address)
        assert answer.status_code == 401, (address, answer.status_code)
        assert answer.json()["error"]["code"] == "not_signed_in"
