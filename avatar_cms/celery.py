"""The Celery application. Jobs live in each app's `jobs.py`; *task* is the word for the staff's to-do."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "avatar_cms.settings.base")

app = Celery("avatar_cms")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(related_name="jobs")
