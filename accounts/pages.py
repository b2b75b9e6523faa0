"""Staff pages that are no model's list or form: apps register them, the admin site shows them.

pages.home.register("home", views.today)                       # the admin's start page
pages.extra.register("messaging_phone", pages.Page("phone/", views.phone))   # admin:messaging_phone
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse

from core.registry import Registry

StaffView = Callable[..., HttpResponse]


@dataclass(frozen=True, slots=True)
class Page:
    """A view under /admin/ for signed-in staff; it asks the gate itself. `route` is a Django path."""

    route: str
    view: StaffView


home: Registry[StaffView] = Registry("admin home page")
extra: Registry[Page] = Registry("staff page")


def context(request: HttpRequest, **more: Any) -> dict[str, Any]:
    """What every staff page's template needs to draw the theme around it."""
    from django.contrib import admin

    return {**admin.site.each_context(request), **more}
