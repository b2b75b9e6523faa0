"""Counters and latencies of requests, added up over all processes of the web server.

Each process writes to files of its own in METRICS_DIR, and whoever answers /metrics adds them up
(`prometheus_client`'s multiprocess mode). The database is not used: a row for each request would cost every webhook a
write. The library asks for the directory while it is imported, so that comes last, and only with a METRICS_TOKEN.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse

from integrations.models import Provider

#: The first part of the path; all others are one.
_GROUPS = frozenset({"admin", "api", "health", "metrics", "static", "webhooks"})
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})


GetResponse = Callable[[HttpRequest], HttpResponse]


def directory() -> Path:
    """Where the processes write, made if it is not there; the library is told."""
    path = Path(settings.METRICS_DIR)
    path.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", str(path))
    return path


class MetricsMiddleware:
    """Counts requests and webhooks. Labels are closed sets: no path, no person, no id."""

    def __init__(self, get_response: GetResponse) -> None:
        if not settings.METRICS_TOKEN:
            raise MiddlewareNotUsed
        directory()
        from avatar_cms import request_counters

        self.get_response = get_response
        self.counters = request_counters

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = perf_counter()
        response = self.get_response(request)
        seconds = perf_counter() - started
        group, _, rest = request.path.lstrip("/").partition("/")
        group = group if group in _GROUPS else "other"
        status = f"{response.status_code // 100}xx"
        method = request.method if request.method in _METHODS else "other"
        self.counters.REQUESTS.labels(group, method, status).inc()
        self.counters.SECONDS.labels(group).observe(seconds)
        if group == "webhooks":
            provider = rest.partition("/")[0]
            known = provider if provider in Provider.values else "other"
            self.counters.WEBHOOKS.labels(known, status).inc()
            self.counters.WEBHOOK_SECONDS.labels(known).observe(seconds)
        return response
