"""What gunicorn does beside the options of the Procfile: it begins its metrics anew at every start, and keeps Python's
collector away from what stays loaded.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import count
from typing import Any

#: Answers after which a worker has loaded its code, most of its templates, and as good as all of them.
_LOADED_AFTER = frozenset({1, 50, 500})
_answers = count(1)


def on_starting(server: Any) -> None:
    """Files of processes that are gone would be added up for ever."""
    from django.conf import settings

    if settings.configured and settings.METRICS_TOKEN:
        from avatar_cms import request_metrics

        for path in request_metrics.directory().glob("*.db"):
            with suppress(FileNotFoundError):
                path.unlink()


def when_ready(server: Any) -> None:
    """The application is loaded, and workers are about to be forked from it."""
    _leave_alone()


def post_request(worker: Any, req: Any, environ: Any, resp: Any) -> None:
    """The answer has been sent: nobody waits for this."""
    if next(_answers) in _LOADED_AFTER:
        _leave_alone()


def _leave_alone() -> None:
    from avatar_cms import garbage

    garbage.leave_alone()
