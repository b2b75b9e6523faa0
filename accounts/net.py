"""Where a request came from."""

from __future__ import annotations

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def client_ip(request: HttpRequest) -> str | None:
    """The caller's address, or None when it cannot be told.

    `X-Forwarded-For` is believed only for as many hops as `settings.TRUSTED_PROXY_COUNT` says stand in front
    (0 by default): what lies further left, the caller may have written.
    """
    hops = int(getattr(settings, "TRUSTED_PROXY_COUNT", 0))
    remote = request.META.get("REMOTE_ADDR", "")
    forwarded = [
        part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()
    ]
    candidate = forwarded[-hops] if 0 < hops <= len(forwarded) else remote
    try:
        return str(ipaddress.ip_address(candidate))
    except ValueError:
        return None
