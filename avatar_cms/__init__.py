"""The composition root. Importing it makes the Celery application the current one."""

from __future__ import annotations

from avatar_cms.celery import app as celery_app

__all__ = ["celery_app"]
