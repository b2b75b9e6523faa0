"""The weights of the tasks' ranking, on the page that shows all weights. Ranking reads them whenever somebody looks."""

from __future__ import annotations

from contacts import scoreboard
from contacts.scoreboard import Group
from tasks import priority
from tasks.models import Task


def connect() -> None:
    """Called from AppConfig.ready()."""
    usual = priority.DEFAULT_WEIGHTS
    base = {key: (Task.Type(key).label, points) for key, points in usual.base.items()}
    urgency = {key: (f"{key.capitalize()} urgency", points) for key, points in usual.urgency.items()}
    overdue = {
        priority.PER_HOUR: ("For each whole hour overdue", usual.overdue_per_hour),
        priority.MOST: ("Together at most", usual.overdue_most),
    }
    for kind, title, rows, said in (
        (
            priority.BASE, "Tasks: where each type begins",
            {**base, priority.OTHER: ("Every other type", usual.other_base)}, "Points before anything else counts.",
        ),
        (priority.URGENCY, "Tasks: urgency of the visit", urgency, "In hundredths: 150 is half as much again."),
        (priority.OVERDUE, "Tasks: overdue", overdue, ""),
    ):  # fmt: skip
        scoreboard.groups.register(f"tasks.{kind}", Group(kind, title, rows, said, least=0))
