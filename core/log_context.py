"""What every log line of a request, a job or a piece of work carries: ids by which its lines are found together.

    with log_context.bound(work=item.pk, event_id=item.event_id): ...

Ids only, never a value of a person. The formatter (avatar_cms.logs) puts them on each line.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from django.http import HttpRequest, HttpResponse

HEADER = "X-Request-ID"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
#: Of a set of rows, so many ids stand on a line.
MOST_IDS = 20


@contextmanager
def bound(**ids: object) -> Iterator[None]:
    """Lines of this block carry these; what is None is left out."""
    with structlog.contextvars.bound_contextvars(
        **{name: value for name, value in ids.items() if value is not None}
    ):
        yield


def some(ids: list[int]) -> list[int | str]:
    """The ids of a set, cut where they are many."""
    return [*ids[:MOST_IDS], f"and {len(ids) - MOST_IDS} more"] if len(ids) > MOST_IDS else list(ids)


class RequestIdMiddleware:
    """Gives each request an id: the proxy's when that is a UUID, else a new one. The answer names it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get(HEADER, "")
        found = uuid.UUID(given) if _UUID.fullmatch(given) else uuid.uuid4()
        request.request_id = found  # type: ignore[attr-defined]
        structlog.contextvars.clear_contextvars()
        with bound(request_id=str(found)):
            response = self.get_response(request)
        response[HEADER] = str(found)
        return response
