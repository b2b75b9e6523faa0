"""Everything under /api/. Each app's `api.py` says what it offers: `routes` (viewsets) and `urlpatterns`
(views).
"""

from __future__ import annotations

from importlib import import_module, util

from django.apps import apps
from django.urls import URLPattern, URLResolver, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.routers import SimpleRouter

APPS = (
    "accounts",
    "contacts",
    "bookings",
    "tasks",
    "messaging",
    "automation",
    "reporting",
    "integrations",
    "core",
)


def _router() -> SimpleRouter:
    router = SimpleRouter()
    # Addresses are documented without a slash at the end; clients that send one are answered as well.
    router.trailing_slash = "/?"
    return router


def _collect() -> list[URLPattern | URLResolver]:
    router, views = _router(), []
    for app in APPS:
        if not apps.is_installed(app) or util.find_spec(f"{app}.api") is None:
            continue
        module = import_module(f"{app}.api")
        for prefix, viewset, basename in getattr(module, "routes", ()):
            router.register(prefix, viewset, basename=basename)
        views += getattr(module, "urlpatterns", [])
    # Plain views first: /contacts/search must not be read as the contact called "search".
    return [*views, *router.urls]


urlpatterns = [
    re_path(r"^schema/?$", SpectacularAPIView.as_view(), name="schema"),
    re_path(r"^docs/?$", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    *_collect(),
]
