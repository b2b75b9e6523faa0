"""What came of an act at the desk through the rules: told on its page, withdrawn when it is undone, foretold before.

From the events an act recorded lead the runs of rules that met them, from these the events that they recorded, and so
on. What a person did meanwhile begins a chain of its own and is not counted: a text that somebody sent at once by hand
is theirs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from django.db.models import Count, Max, Min, Q, QuerySet

from accounts import access, desk_kinds
from accounts.desk_kinds import Doing, Line, kinds
from accounts.models import User
from accounts.staff_links import change_url
from automation import delayed, rehearsal
from automation.handlers import RUN_RULES
from automation.models import ActionRun, RuleRun
from bookings.previews import Text
from core import work
from core.causes import MAX_DEPTH, Cause, CauseKind
from core.models import Event
from messaging import services as message_services
from messaging.models import Category, Direction, Message, Status
from messaging.planning import WITHDRAWABLE
from tasks.models import Task

NAME = "automation"
UNDONE, WHY = "act_undone", "What led to it was undone."
#: Of a larger act, so many rows are played through to foretell what it sets off.
PLAYED = 25
#: Has left the clinic, or may have.
_GONE = (Status.SENDING, Status.SENT, Status.DELIVERED, Status.UNKNOWN)


@dataclass(frozen=True, slots=True)
class _Came:
    """The runs that some events led to, by inner id, and whom they are about."""

    runs: frozenset[int]
    contacts: frozenset[int]
    #: The first event of all: what they made is younger.
    since: int
    #: Whether reminders are left alone: their visits stand, and nothing would plan them anew.
    reminders_stay: bool = False

    @property
    def withdrawable(self) -> Q:
        """The messages that wait and are withdrawn."""
        waits = Q(status__in=WITHDRAWABLE)
        return waits & ~Q(category=Category.REMINDER) if self.reminders_stay else waits

    @property
    def condition(self) -> Q:
        """Rows of these contacts that one of the runs made; narrowed by contact, for that is what has an index."""
        return Q(
            contact_id__in=self.contacts, cause_kind=CauseKind.RULE_RUN, cause_id__in=[str(pk) for pk in self.runs]
        )  # fmt: skip


def _came_of(event_ids: Sequence[int]) -> _Came:
    """What these events led to."""
    return _chain(RuleRun.objects.filter(event_id__in=event_ids), since=min(event_ids))


def _came_of_runs(runs: QuerySet[RuleRun]) -> _Came:
    """These runs and what they led to; visits that were booked meanwhile keep their reminders."""
    came = _chain(runs, since=runs.aggregate(first=Min("event_id"))["first"] or 0)
    return replace(came, reminders_stay=True)


def _chain(found: QuerySet[RuleRun], *, since: int) -> _Came:
    """Follow the chain, which the engine ends at `MAX_DEPTH`."""
    runs: set[int] = set()
    contacts: set[int] = set()
    for _ in range(MAX_DEPTH + 1):
        fresh = dict(found.exclude(pk__in=runs).values_list("pk", "contact_id"))
        if not fresh:
            break
        runs |= fresh.keys()
        contacts |= {pk for pk in fresh.values() if pk is not None}
        made = _made(_Came(frozenset(fresh), frozenset(contacts), since))
        found = RuleRun.objects.filter(event_id__in=list(made))
    return _Came(frozenset(runs), frozenset(contacts), since)


def _made(came: _Came) -> QuerySet[Event, int]:
    """The ids of the events that the runs recorded."""
    return Event.objects.filter(came.condition, pk__gt=came.since).values_list("pk", flat=True)


def _messages(came: _Came) -> QuerySet[Message]:
    return Message.objects.filter(came.condition, direction=Direction.OUTBOUND)


# Told


def follow(event_ids: Sequence[int], user: User) -> list[Line]:
    """The texts that went because of these events, those that wait, waiting steps and new tasks, as far as the person
    may see them. Without a name or a number.
    """
    return _told(_came_of(event_ids), user)


def follow_runs(runs: QuerySet[RuleRun], user: User) -> list[Line]:
    """The same of what runs did, and led to."""
    return _told(_came_of_runs(runs), user)


def _told(came: _Came, user: User) -> list[Line]:
    if not came.runs:
        return []
    return [*_texts(came, user), *_steps(came), *_new_tasks(came, user)]


def _texts(came: _Came, user: User) -> list[Line]:
    rows = access.visible(_messages(came).filter(Q(status__in=_GONE) | came.withdrawable), user)
    counted = rows.values("template__name", "channel", "status").annotate(
        count=Count("pk"), newest=Max("pk"), gone_at=Max("sent_at"), due=Max("send_at")
    )
    found = list(counted.order_by("template__name", "status"))
    shown = Message.objects.select_related("location").in_bulk([row["newest"] for row in found])
    lines = []
    for row in found:
        one, gone = shown[row["newest"]], row["status"] in _GONE
        at = (row["gone_at"] if gone else row["due"]) or one.at
        name = (row["template__name"] or one.get_channel_display()).replace("_", " ")
        when = f"{one.location.local(at):%a %-d %b, %H:%M}"
        last = "the last " if row["count"] > 1 else ""
        said = (
            f"{one.get_status_display().lower()}, {last}{when}" if gone
            else f"waits, {last}to go {when}"
        )  # fmt: skip
        url = change_url(one) if row["count"] == 1 else ""
        lines.append(Line(f"Text “{name}”: {said}", row["count"], url, sent=gone))
    return lines


def _steps(came: _Came) -> list[Line]:
    waiting = ActionRun.objects.filter(run__in=came.runs, state=ActionRun.State.PENDING)
    counted = waiting.values("run__rule__name").annotate(count=Count("pk")).order_by("run__rule__name")
    return [Line(f"Rule “{row['run__rule__name']}” has a step that waits", row["count"]) for row in counted]


def _new_tasks(came: _Came, user: User) -> list[Line]:
    rows = access.visible(Task.objects.filter(came.condition, status__in=Task.OPEN), user)
    counted = rows.values("type").annotate(count=Count("pk")).order_by("type")
    return [
        Line(f"New task: {Task.Type(row['type']).label}; it stays on the list", row["count"])
        for row in counted
    ]


# Withdrawn


def withdraw(event_ids: Sequence[int], cause: Cause) -> Mapping[str, int]:
    """Withdraw the texts and steps that wait because of these events, and let rules that have not met them yet never
    do. The contacts are locked by the caller.
    """
    unheard = work.cancel([f"event:{pk}:{RUN_RULES}" for pk in event_ids])
    return _withdrawn(_came_of(event_ids), cause, unheard)


def withdraw_runs(runs: QuerySet[RuleRun], cause: Cause) -> Mapping[str, int]:
    """The same of what waits because of runs, but for the reminders of visits. Their contacts are locked by the
    caller.
    """
    return _withdrawn(_came_of_runs(runs), cause)


def _withdrawn(came: _Came, cause: Cause, unheard: int = 0) -> Mapping[str, int]:
    if not came.runs:
        return {"events that rules had not heard of": unheard}
    unheard += work.cancel([f"event:{pk}:{RUN_RULES}" for pk in _made(came)])
    waiting = _messages(came).filter(came.withdrawable).values_list("pk", flat=True)
    return {
        "texts": message_services.withdraw_messages(list(waiting), reason=UNDONE, cause=cause),
        "waiting steps of rules": delayed.withdraw_steps(came.runs, reason=WHY, cause=cause),
        "events that rules had not heard of": unheard,
    }


# Foretold


def foresee(kind: str, doing: Doing, ids: Sequence[int]) -> list[Line]:
    """What doing this would send, and give to the desk, now and later: it is done, its rules run, and all of it is
    rolled back. Of many rows the first `PLAYED` that the kind does not refuse are played.
    """
    what = kinds.get(kind)
    refused = what.judge(doing, ids) if what.judge is not None else {}
    going = [pk for pk in ids if pk not in refused]
    played = going[:PLAYED]
    if not played:
        return []
    contacts = set(what.contacts(played).values())
    found = rehearsal.rehearse(contacts, doing.location, lambda: (what.lock(played), what.run(doing, played)))
    lines = [
        *_foretold(found.going, "will be sent"),
        *_foretold(found.withdrawn, "waits, and will be withdrawn"),
        *_foretold(found.kept_back, "will not be sent"),
        *(Line(f"New task: {name}", count) for name, count in Counter(found.tasks).items()),
    ]
    if found.closed_tasks:
        lines.append(Line("Open tasks that end", found.closed_tasks))
    if found.note:
        lines.insert(0, Line(found.note))
    if lines and len(going) > PLAYED:
        rest = len(going) - PLAYED
        lines.insert(0, Line(f"For the first {PLAYED}, as an example; the other {rest} meet the same rules."))
    return lines


def _foretold(texts: Sequence[Text], what: str) -> list[Line]:
    counted = Counter((text.name, text.later, text.reason) for text in texts)
    return [
        Line(
            f"Text “{name}” {what}{' later, judged again then' if later else ''}{f': {why}' if why else ''}",
            count,
        )
        for (name, later, why), count in counted.items()
    ]


def connect() -> None:
    """Called when the app is ready."""
    desk_kinds.followers.register(NAME, follow)
    desk_kinds.withdrawers.register(NAME, withdraw)
    desk_kinds.foreseers.register(NAME, foresee)
