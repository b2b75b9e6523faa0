"""Tasks among what was opened lately."""

from __future__ import annotations

from django.db.models import QuerySet

from accounts import palette
from accounts.palette import Hit, Opened
from accounts.staff_links import change_url
from tasks.models import Task


def _hit(row: Task) -> Hit:
    whose = row.contact.name or "unnamed" if row.contact else "nobody"
    due = row.location.local(row.due_datetime)
    note = f"Task for {whose} · due {due:%-d %b %Y, %H:%M} · {row.get_status_display()}"
    return Hit(row.get_type_display(), change_url(row), note, "checklist", row)


def _rows() -> QuerySet[Task]:
    return Task.objects.select_related("contact", "location")


def connect() -> None:
    """Called from AppConfig.ready()."""
    palette.opened.register("admin:tasks_task_change", Opened(_rows, _hit))
