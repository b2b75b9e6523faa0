"""What gunicorn does beside the options of the Procfile: it begins its metrics anew at every start."""

from __future__ import annotations

from contextlib import suppress
from typing import Any


def on_starting(server: Any) -> None:
    """Files of processes that are gone would be added up for ever."""
    from django.conf import settings

    if settings.configured and settings.METRICS_TOKEN:
        from avatar_cms import request_metrics

        for path in request_metrics.directory().glob("*.db"):
            with suppress(FileNotFoundError):
                path.unlink()
