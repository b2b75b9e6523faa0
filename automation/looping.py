"""Rules that go round in circles: each turn is stopped by the engine; a rule that is stopped again and again is paused.

Staff see why on the rule and by a task, and switch it on again when they have mended it.
"""

from __future__ import annotations

from datetime import timedelta

from automation import engine, services
from automation.events import RULE_STOPPED
from automation.models import Rule, RuleRun
from core import clock, events, work
from core.causes import Cause
from core.models import Work
from tasks import services as task_services
from tasks.models import Task
from tasks.services import NewTask

WATCH = "automation.pause_looping"
#: A rule that is stopped this often within that time is paused.
HITS = 3
WITHIN = timedelta(hours=1)
CIRCLES = {"twice": engine.TWICE, "too_deep": engine.TOO_DEEP}
REASON = (
    "Paused: it went round in circles with other rules {hits} times within an hour. Its stopped runs say how."
)
NOTES = "The rule “{name}” was paused, because it went round in circles. Change it, then switch it on again."


@work.handler(WATCH)
def pause_looping(items: list[Work]) -> None:
    """Pause the rule that was stopped, if that was once too often."""
    for item in items:
        if item.event is None or item.event.data["reason"] not in CIRCLES:
            continue
        rule = (
            Rule.objects.select_for_update(no_key=True, of=("self",))
            .filter(public_id=item.event.data["rule"], is_active=True)
            .first()
        )
        if rule is not None and hits(rule) >= HITS:
            _pause(rule)


def hits(rule: Rule) -> int:
    """How often a rule went round in circles lately, since it was last switched on."""
    since = clock.now() - WITHIN
    if rule.watched_from is not None:
        since = max(since, rule.watched_from)
    return RuleRun.objects.filter(
        rule=rule, state=RuleRun.State.STOPPED, reason__in=CIRCLES.values(), created_at__gte=since
    ).count()


def _pause(rule: Rule) -> None:
    cause = Cause.system("loop_guard")
    services.pause(rule.pk, reason=REASON.format(hits=HITS), cause=cause)
    task_services.create_tasks(
        [
            NewTask(
                contact_id=None, location_id=rule.location_id, type=Task.Type.RECONCILE, due_at=clock.now(),
                cause=cause, priority="high", notes=NOTES.format(name=rule.name),
            )
        ]
    )  # fmt: skip


def connect() -> None:
    """Hear of rules that were stopped."""
    events.subscribe((RULE_STOPPED.name,), handler=WATCH)
