"""Limits for each address: on deliveries that fail verification, and on forms, which anybody may send.

Verified deliveries are never counted or refused.
"""

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
#: A page of the clinic's may send this many forms from one address: a clinic's visitors may share one.
FORMS_PER_MINUTE = 20


def failed(ip: str | None) -> int:
    """Count one failure of this address. The seconds it has to wait when it has failed too often; else 0."""
    return _count("webhook-failures", ip, int(getattr(settings, "WEBHOOK_FAILURES_PER_MINUTE", PER_MINUTE)))


def form_sent(ip: str | None, account_id: int) -> int:
    """Count one form sent from this address. The seconds it has to wait when it sent too many; else 0."""
    return _count(f"forms:{account_id}", ip, int(getattr(settings, "FORMS_PER_MINUTE", FORMS_PER_MINUTE)))


def _count(what: str, ip: str | None, most: int) -> int:
    """Without the cache nothing is limited: what fails verification is refused anyway."""
    now = int(clock.now().timestamp())
    # Hashed, because an address is personal too.
    who = hashlib.sha256((ip or "unknown").encode()).hexdigest()[:24]
    key = f"{what}:{now // WINDOW_SECONDS}:{who}"
    try:
        cache.add(key, 0, timeout=WINDOW_SECONDS * 2)
        count = int(cache.incr(key))
    except (RedisError, OSError, ValueError):
        logger.warning("deliveries are not counted: the cache does not answer")
        return 0
    return WINDOW_SECONDS - now % WINDOW_SECONDS if count > most else 0
