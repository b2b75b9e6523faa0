"""A limit on deliveries that fail verification, for each address. Verified ones are never counted or refused."""

from __future__ import annotations

import hashlib
import logging

from django.conf import settings
from django.core.cache import cache
from redis.exceptions import RedisError

from core import clock

logger = logging.getLogger(__name__)

WINDOW_SECONDS = 60
PER_MINUTE = 100


def failed(ip: str | None) -> int:
    """Count one failure of this address. The seconds it has to wait when it has failed too often; else 0.

    Without the cache nothing is limited: what fails verification is refused anyway.
    """
    now = int(clock.now().timestamp())
    most = int(getattr(settings, "WEBHOOK_FAILURES_PER_MINUTE", PER_MINUTE))
    # Hashed, because an address is personal too.
    who = hashlib.sha256((ip or "unknown").encode()).hexdigest()[:24]
    key = f"webhook-failures:{now // WINDOW_SECONDS}:{who}"
    try:
        cache.add(key, 0, timeout=WINDOW_SECONDS * 2)
        count = int(cache.incr(key))
    except (RedisError, OSError, ValueError):
        logger.warning("webhook failures are not counted: the cache does not answer")
        return 0
    return WINDOW_SECONDS - now % WINDOW_SECONDS if count > most else 0
