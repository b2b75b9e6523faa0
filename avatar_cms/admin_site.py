"""The staff's admin site: log-in with a guard, the clinic one works in, and a home page that apps supply."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST
from unfold.sites import UnfoldAdminSite

from accounts import access, guard, pages, sending_stops
from accounts.forms import StaffLoginForm
from accounts.middleware import choose_location
from accounts.models import User
from accounts.net import client_ip
from avatar_cms.demo import clock_page, tour
from core.api_audit import touched


class AvatarAdminSite(UnfoldAdminSite):
    """The one admin site."""

    login_form = StaffLoginForm

    def has_permission(self, request: HttpRequest) -> bool:
        return isinstance(request.user, User) and request.user.is_active

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The page staff start on, from the app that owns it; Django's list of apps while there is none."""
        return (
            pages.home.get("home")(request) if "home" in pages.home else super().index(request, extra_context)
        )

    def get_urls(self) -> list[URLPattern]:
        switch = path(
            "location/", self.admin_view(require_POST(self.switch_location)), name="switch_location"
        )
        extra = [
            path(page.route, self.admin_view(pages.refusing(page.view)), name=name)
            for name, page in pages.extra.items()
        ]
        # The theme's search is not offered: there is one, `accounts.palette`, and it keeps names out of addresses.
        others = [route for route in super().get_urls() if getattr(route, "name", "") != "search"]
        return [switch, *extra, *others]

    def switch_location(self, request: HttpRequest) -> HttpResponse:
        """Work in another of one's clinics from now on."""
        chosen = choose_location(request, request.POST.get("location", ""))
        if chosen is None:
            raise Http404("There is no such location.")
        messages.info(request, f"You are working in {chosen.name} now.")
        target = request.POST.get("next", "")
        safe = url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()})
        return HttpResponseRedirect(target if safe else reverse("admin:index"))

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Log in, unless this account or address has failed too often (429)."""
        if request.method != "POST":
            return super().login(request, extra_context)
        try:
            attempt = guard.begin(account=request.POST.get("username", ""), ip=client_ip(request))
        except guard.TooManyAttempts as error:
            request.too_many_attempts = error  # type: ignore[attr-defined]
            response = super().login(request, extra_context)
            response.status_code = 429
            response["Retry-After"] = str(error.retry_after)
            return response
        response = super().login(request, extra_context)
        if request.user.is_authenticated:
            attempt.succeeded()
            touched(request).user_id = request.user.pk
        return response

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context = super().each_context(request)
        if isinstance(request.user, User) and self.has_permission(request):
            context["staff_locations"] = access.places(request.user)
            context["sending_stops"] = sending_stops.shown_to(context["staff_locations"])
            context["may_end_safe_mode"] = access.is_owner(request.user)
            context["tour"] = tour.offered(request)
            context["staff_location"] = getattr(request, "location", None)
        return context


def subheader(request: HttpRequest) -> str:
    """The clinic one works in, under the product's name."""
    location = getattr(request, "location", None)
    return location.name.removeprefix("Avatar Imaging").strip() or location.name if location else ""


def environment(request: HttpRequest) -> list[str] | None:
    """The badge that tells a demo from the real thing; none in production."""
    name = str(getattr(settings, "ENVIRONMENT_NAME", "demo"))
    if name == "production":
        return None
    at = clock_page.badge(request)
    return [f"{name.capitalize()} · {at}" if at else name.capitalize(), "warning"]


def _may_see(resource: str) -> Callable[[HttpRequest], bool]:
    def may_see(request: HttpRequest) -> bool:
        return access.allowed(request.user, "read", resource)

    return may_see


may_see_contacts = _may_see("contacts")
may_see_bookings = _may_see("bookings")
may_see_tasks = _may_see("tasks")
may_see_messages = _may_see("messages")
may_see_reports = _may_see("reports")
may_see_settings = _may_see("settings")
may_see_users = _may_see("users")
may_see_audit = _may_see("audit")
