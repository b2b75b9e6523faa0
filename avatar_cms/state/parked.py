"""What was given up and waits for a button: counts by kind, the rows, and putting them back in line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from accounts import access, roles
from accounts.models import User
from automation import services as automation
from avatar_cms.state import counts
from avatar_cms.state.counts import Scope
from core import work
from core.causes import Cause
from core.errors import DomainError
from integrations import calling, inbound, outbox
from messaging import reasons, settling

#: As many are put back by one press of "all".
AT_ONCE = 200
#: As many of each kind are shown.
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of parked item: a group of `counts.GROUPS`, how one is put back in line, and the page that lists them."""

    name: str
    label: str
    replay: Callable[[Any, Cause], object]
    why: Callable[[Any], str]
    listed: str
    related: tuple[str, ...] = ()

    def rows(self) -> QuerySet[Any]:
        """Those of all clinics."""
        return counts.GROUPS[self.name]()["parked"].select_related(*self.related)


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1][:120] if lines else ""


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "work", "Work",
            lambda row, cause: work.retry(row.pk),
            lambda row: f"{row.handler}: {_last_line(row.last_error)}",
            "admin:core_work_changelist",
        ),
        Kind(
            "messages", "Messages",
            lambda row, cause: settling.resolve(message_id=row.pk, was_sent=False, cause=cause),
            lambda row: reasons.words(row.reason),
            "admin:messaging_message_changelist",
        ),
        Kind(
            "deliveries", "Deliveries",
            lambda row, cause: inbound.apply_again(row),
            lambda row: row.error,
            "admin:integrations_receipt_changelist",
        ),
        Kind(
            "calls", "Calls to others",
            lambda row, cause: outbox.try_again(call_id=row.pk, cause=cause),
            lambda row: calling.words(row.outcome),
            "admin:integrations_outboundcall_changelist",
        ),
        Kind(
            "steps", "Steps of rules",
            lambda row, cause: automation.retry_action(row.pk, cause=cause),
            lambda row: f"{row.run.rule.name}, {row}: {_last_line(row.reason)}",
            "admin:automation_actionrun_changelist",
            related=("run__rule",),
        ),
    )
}  # fmt: skip


def totals(scope: Scope = None) -> dict[str, int]:
    """How many of each kind are parked. One query."""
    return {name: states["parked"] for name, states in counts.by_state(scope).items() if name in KINDS}


def shown_to(user: User, kind: Kind) -> QuerySet[Any]:
    """The parked items of a kind that this person sees, newest first."""
    return access.visible(kind.rows(), user).order_by("-pk")


def replay(kind: Kind, rows: Sequence[Any], *, cause: Cause) -> tuple[int, str]:
    """Put these back in line, each through its service. How many went, and the last refusal's words."""
    went, refusal = 0, ""
    for row in rows:
        try:
            kind.replay(row, cause)
        except DomainError as error:
            refusal = error.message
        else:
            went += 1
    return went, refusal


def may_replay(user: User, kind: Kind) -> QuerySet[Any]:
    """The parked items of a kind that this person may put back in line, oldest first."""
    return access.visible(kind.rows(), user, roles.UPDATE).order_by("pk")
