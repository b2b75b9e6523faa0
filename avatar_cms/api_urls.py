"""Everything under /api/. Each app's `api.py` says what it offers: `routes` (viewsets) and `urlpatterns`
(views).
"""

from __future__ import annotations

from importlib import import_module, util
from typing import Any

from django.apps import apps
from django.urls import URLPattern, URLResolver, re_path
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.response import Response
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


class DocsView(SpectacularSwaggerSplitView):
    """The API's pages for people; their scripts style elements inline."""

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        response: Response = super().get(request, *args, **kwargs)
        response["Content-Security-Policy"] = (
            "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
            "frame-ancestors 'none'"
        )
        return response


def _router() -> SimpleRouter:
    router = SimpleRouter()
    # Addresses are documented without a slash at the end; clients that send one are answered as well.
    router.trailing_slash = "/?"
    return router


def _collect() -> list[URLPattern | URLResolver]:
    router = _router()
    views: list[URLPattern | URLResolver] = []
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
    re_path(r"^docs/?$", DocsView.as_view(url_name="schema"), name="docs"),
    *_collect(),
]
