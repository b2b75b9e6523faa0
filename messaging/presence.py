"""Who has a conversation open right now, so that two people do not answer one patient.

A hint that lives in the cache for seconds: without it everything works, and nobody is warned.
"""

from __future__ import annotations

from typing import Any

from django.core.cache import cache
from redis.exceptions import RedisError

from accounts.models import User
from core import clock

#: Seconds after a person's last sign of life in which they count as there.
STAYS = 15


def here(talk_id: int, user: User, *, typing: bool) -> list[tuple[str, bool]]:
    """Say that this person looks at the conversation; answers who else does, as (name, is answering)."""
    now = clock.now().timestamp()
    key = f"inbox:here:{talk_id}"
    try:
        known: dict[int, tuple[str, bool, float]] = cache.get(key) or {}
        known = {pk: row for pk, row in known.items() if now - row[2] < STAYS and pk != user.pk}
        cache.set(key, {**known, user.pk: (str(user), typing, now)}, STAYS)
    except RedisError:
        return []
    return [(name, answering) for name, answering, _ in known.values()]


def gone(talk_id: int, user: Any) -> None:
    """This person has turned to something else."""
    key = f"inbox:here:{talk_id}"
    try:
        known = cache.get(key) or {}
        if known.pop(user.pk, None) is not None:
            cache.set(key, known, STAYS)
    except RedisError:
        return
