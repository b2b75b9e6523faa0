"""Watching over the system's state by the clock: the invariants every hour, and alerts when a check goes bad.

An alert is a call without a location in `integrations.outbox`, written in the transaction in which the check's
`Alarm` remembers that it was told: so each is told once, whatever dies. A worker that is dead tells nobody; that is
what /health/ready is for.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction

from avatar_cms.state import checks
from avatar_cms.state.checks import Check, Finding
from core import alarms, clock, invariants, ticks
from core.alarms import News, Standing
from core.causes import Cause
from core.models import Alarm, Heartbeat, InvariantRun
from integrations.models import OutboundCall
from integrations.outbox import NewCall, enqueue_calls

CAUSE = Cause.system("watching")
#: The tick comes every quarter of an hour; the look is taken every hour.
LOOKED_EVERY = timedelta(minutes=55)
LOOKS_KEPT = timedelta(days=90)
_LOOK = "invariants"


def watch() -> int:
    """Every minute: look at each check, and tell what has been bad, or well again, for a while. Returns how many
    alerts were written; without anybody to tell, alarms are kept all the same, for the page and /health/ready.
    """
    return sum(_note(check, check.run()) for check in checks.CHECKS)


@transaction.atomic
def _note(check: Check, finding: Finding) -> int:
    row, _ = Alarm.objects.select_for_update(no_key=True).get_or_create(name=check.name)
    before = Standing(row.bad_since, row.well_since, row.told_at)
    after, news = alarms.step(before, ok=finding.ok, now=clock.now())
    if after != before or (not finding.ok and row.text != finding.text):
        row.bad_since, row.well_since, row.told_at = after.bad_since, after.well_since, after.told_at
        row.text = "" if finding.ok else finding.text[:300]
        row.save()
    if news is None:
        return 0
    since = before.bad_since or clock.now()
    return len(
        enqueue_calls(_calls(check, finding, news, key=f"alert:{check.name}:{since:%Y%m%dT%H%M%S}:{news}"))
    )


def _calls(check: Check, finding: Finding, news: News, *, key: str) -> list[NewCall]:
    what = f"{'Bad' if news == 'bad' else 'Well again'}: {check.label.lower()}"
    text = f"[{settings.INSTALLATION or settings.ENVIRONMENT_NAME}] {what}. {finding.text}"
    return [
        NewCall(
            location_id=None, kind=kind, target=target, cause=CAUSE, dedupe_key=f"{key}:{target}"[:200],
            payload={"text": text, "subject": f"Avatar Imaging CMS: {what}", "to": target},
        )
        for kind, target in _ways()
    ]  # fmt: skip


def _ways() -> list[tuple[OutboundCall.Kind, str]]:
    """Whom alerts go to: Slack by its server, each address of e-mail."""
    slack = [(OutboundCall.Kind.SLACK, urlsplit(settings.ALERT_SLACK_URL).hostname or "")]
    return [
        *(slack if settings.ALERT_SLACK_URL else []),
        *((OutboundCall.Kind.EMAIL_NOTICE, address) for address in settings.ALERT_EMAIL),
    ]


def look_at_invariants() -> int:
    """Every hour: check what must always be true, and keep what was found. Returns how many breaches."""
    if not _is_due():
        return 0
    breaches = invariants.check_all(clock.now())
    InvariantRun.objects.create(breaches=[[one.invariant, one.what, list(one.ids)] for one in breaches])
    InvariantRun.objects.filter(at__lt=clock.now() - LOOKS_KEPT).delete()
    return len(breaches)


def _is_due() -> bool:
    """Whether this worker is to look: one of all, once an hour."""
    now = clock.now()
    taken = Heartbeat.objects.filter(name=_LOOK, at__lte=now - LOOKED_EVERY).update(at=now)
    return bool(taken) or Heartbeat.objects.get_or_create(name=_LOOK, defaults={"at": now})[1]


def _in_real_time(look: Callable[[], int]) -> Callable[[], int]:
    """A history that is played with a moved clock says nothing of this machine."""
    return lambda: look() if clock.overridden() is None else 0


def connect() -> None:
    """Called from AppConfig.ready()."""
    ticks.register("1min", "system.watch", _in_real_time(watch))
    ticks.register("15min", "system.invariants", _in_real_time(look_at_invariants))
