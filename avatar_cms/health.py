"""Is it alive (/health), and can it do its work (/health/ready)? No secrets, no personal data, no log-in."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import redis
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.db.models import Min
from django.http import HttpRequest, JsonResponse
from django.urls import re_path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from core import clock
from core.models import Heartbeat, Work

logger = logging.getLogger(__name__)

#: Beat ticks every 10 s and a worker answers each tick; a few missed ones are no reason for alarm.
OLDEST_HEARTBEAT = timedelta(seconds=60)
#: Due work older than this means that nobody keeps up.
OLDEST_WORK = timedelta(minutes=5)
_PING_SECONDS = 1.0

Check = Callable[[], dict[str, Any]]


@never_cache
@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """The process answers; nothing else is asked."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """200 when every check passes, else 503; each check says what it found."""
    checks = {name: _run(name, check) for name, check in CHECKS.items()}
    healthy = all(result["ok"] for result in checks.values())
    body = {"status": "ready" if healthy else "not_ready", "checks": checks}
    return JsonResponse(body, status=200 if healthy else 503)


def _run(name: str, check: Check) -> dict[str, Any]:
    try:
        return check()
    except (DatabaseError, redis.RedisError, OSError) as error:
        # The message of a driver may hold addresses and names of accounts: it goes to the log only.
        logger.warning("health check failed", extra={"check": name}, exc_info=True)
        return {"ok": False, "reason": type(error).__name__}


def _database() -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    return {"ok": True}


def _broker() -> dict[str, Any]:
    client = redis.Redis.from_url(
        _redis_url(), socket_timeout=_PING_SECONDS, socket_connect_timeout=_PING_SECONDS, retry=None
    )
    try:
        return {"ok": bool(client.ping())}
    finally:
        client.close()


def _redis_url() -> str:
    # Celery says redis+socket:///path, the client unix:///path.
    url: str = settings.REDIS_URL
    return url.replace("redis+socket://", "unix://", 1)


def _heartbeat(name: str) -> Check:
    def check() -> dict[str, Any]:
        seen = Heartbeat.objects.filter(name=name).values_list("at", flat=True).first()
        return _age(seen, OLDEST_HEARTBEAT, never_ok=False)

    return check


def _backlog() -> dict[str, Any]:
    now = clock.now()
    waiting = Work.objects.filter(state__in=(Work.State.PENDING, Work.State.CLAIMED), due_at__lte=now)
    return _age(waiting.aggregate(oldest=Min("due_at"))["oldest"], OLDEST_WORK, never_ok=True)


def _age(moment: datetime | None, limit: timedelta, *, never_ok: bool) -> dict[str, Any]:
    if moment is None:
        return {"ok": never_ok, "age_seconds": None}
    age = max(timedelta(0), clock.now() - moment)
    return {"ok": age <= limit, "age_seconds": round(age.total_seconds(), 1)}


CHECKS: dict[str, Check] = {
    "database": _database,
    "broker": _broker,
    "beat": _heartbeat("beat"),
    "worker": _heartbeat("worker"),
    "backlog": _backlog,
}

urlpatterns = [
    re_path(r"^health/?$", live, name="health"),
    re_path(r"^health/ready/?$", ready, name="health-ready"),
]
