"""The Celery application. Jobs live in each app's `jobs.py`; *task* is the word for the staff's to-do."""

from __future__ import annotations

import os
import signal
from typing import Any

import structlog
from celery import Celery
from celery.signals import beat_init, task_postrun, task_prerun, worker_process_init, worker_ready

from avatar_cms.embedded import processes

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


@worker_process_init.connect
def leave_the_group(**kwargs: Any) -> None:
    """A stop signal to the worker's group is for the worker alone: it lets its pool finish what is running.

    Should the worker be killed instead, its pool must not live on.
    """
    os.setpgrp()
    die = processes.die_with_parent(signal.SIGKILL)
    if die is not None:
        die()


@task_prerun.connect
def name_the_job(task_id: str, task: Any, **kwargs: Any) -> None:
    """Log lines of a job carry its id."""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(job=task.name, job_id=task_id)


@task_postrun.connect
def forget_the_job(**kwargs: Any) -> None:
    """What the process does next is not that job's."""
    structlog.contextvars.clear_contextvars()
