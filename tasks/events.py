"""What can happen to a task."""

from __future__ import annotations

from core.events import define

TASK_CREATED = define("task_created", label="Task created", keys=("task", "type"))
TASK_UPDATED = define("task_updated", label="Task changed", keys=("task", "fields"))
TASK_COMPLETED = define("task_completed", label="Task completed", keys=("task", "type", "outcome"))
TASK_CANCELLED = define("task_cancelled", label="Task cancelled", keys=("task", "type", "reason"))
TASK_OVERDUE = define("task_overdue", label="Task overdue", keys=("task", "type"))
TASK_REOPENED = define("task_reopened", label="Task opened again", keys=("task", "type"))
