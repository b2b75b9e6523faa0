"""The Celery application. Jobs live in each app's `jobs.py`; *task* is the word for the staff's to-do."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.signals import beat_init, worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "avatar_cms.settings.base")

app = Celery("avatar_cms")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(related_name="jobs")


@worker_ready.connect
def look_for_work(**kwargs: Any) -> None:
    """A worker that starts does not wait for a tick: it looks for what fell due while none ran."""
    from core.jobs import drain

    drain.delay()


@beat_init.connect
def show_life(**kwargs: Any) -> None:
    """Beat's first tick comes after ten seconds; until then this tells that it is there."""
    from core import ticks

    ticks.beat("beat")
