"""Is it alive (/health), and can it do its work (/health/ready)? No secrets, no personal data, no log-in."""

from __future__ import annotations

import logging
from typing import Any

from django.db import DatabaseError
from django.http import HttpRequest, JsonResponse
from django.urls import re_path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from avatar_cms.state import checks
from avatar_cms.state.checks import Check, Finding
from core.models import Alarm

logger = logging.getLogger(__name__)


@never_cache
@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """The process answers; nothing else is asked."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """200 when every needed check passes, else 503; each check says what it found. `alarms` names what else is bad
    and was told to people: that is no reason to send nobody here.
    """
    found = {check.name: _said(check, check.run()) for check in checks.CHECKS if check.needed}
    healthy = all(result["ok"] for result in found.values())
    body = {"status": "ready" if healthy else "not_ready", "checks": found, "alarms": _alarms()}
    return JsonResponse(body, status=200 if healthy else 503)


def _said(check: Check, finding: Finding) -> dict[str, Any]:
    said: dict[str, Any] = {"ok": finding.ok}
    if finding.reason:
        return said | {"reason": finding.reason}
    if check.aged:
        said["age_seconds"] = None if finding.age is None else round(finding.age.total_seconds(), 1)
    return said


def _alarms() -> list[str]:
    """Names of the checks that are bad for longer."""
    try:
        return sorted(Alarm.objects.filter(told_at__isnull=False).values_list("name", flat=True))
    except DatabaseError:
        logger.warning("alarms could not be read")
        return []


urlpatterns = [
    re_path(r"^health/?$", live, name="health"),
    re_path(r"^health/ready/?$", ready, name="health-ready"),
]
