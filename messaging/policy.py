"""May this message go out, now, later or never, and why?

Pure: asked once when a message is planned and again when it is claimed. Final answers come before holds,
and holds before waiting, so that staff see the reason that will not go away by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from core import localtime
from messaging.quiet import DEFAULT_QUIET, QuietHours

Purpose = Literal["service", "care", "marketing"]
ConsentState = Literal["granted", "implied", "none", "withdrawn"]
Mode = Literal["off", "shadow", "live"]
Kind = Literal["send", "wait", "skip", "suppress", "hold", "expire"]

JUST_ACTED = timedelta(minutes=15)
STATUSES: Mapping[Kind, str] = {
    "send": "queued",
    "wait": "scheduled",
    "skip": "skipped",
    "suppress": "suppressed",
    "hold": "held",
    "expire": "expired",
}
REASONS: Mapping[str, str] = {
    "allowed": "It may go out.",
    "carrier_reply": "Answers to STOP and HELP always go out.",
    "conversation_reply": "It answers the person's own message, so quiet hours do not hold it back.",
    "just_acted": "The person acted within the last 15 minutes, so quiet hours do not hold it back.",
    "not_due": "It is planned for later.",
    "quiet_hours": "It waits until quiet hours are over.",
    "lead_time_passed": "It was too late for this reminder.",
    "visit_over": "The visit has begun or is over.",
    "visit_moved": "The visit was moved to another time.",
    "visit_cancelled": "The visit was cancelled.",
    "too_late": "It has lost its meaning: its time ran out.",
    "automation_off": "Automation is switched off at this clinic.",
    "shadow": "The clinic is not live yet: what would be sent is recorded, and not sent.",
    "opted_out": "The person asked us not to write to this number or address.",
    "no_consent": "The person has not agreed to messages of this kind.",
    "blocked_number": "Messages to this number or address cannot be delivered.",
    "merged": "The contact was merged into another.",
    "duplicate": "The same message was sent already.",
    "cap": "The limit on messages is reached.",
    "loop": "This number got many automatic answers within an hour: it may be a machine that answers ours.",
    "kill_switch": "Sending is stopped.",
    "safe_mode": "Nothing is sent until somebody ends safe mode.",
    "no_sender": "The clinic has no number or address to send from.",
    "no_credit": "The provider's credit is used up.",
    "storm": "Unusually many messages at once: somebody should look first.",
    "missing_value": "A value for the text is missing.",
}


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer. `reason` is a code of REASONS; `until` is set for `wait` alone."""

    kind: Kind
    reason: str
    until: datetime | None = None

    @property
    def status(self) -> str:
        """The message status that this answer means."""
        return STATUSES[self.kind]

    @property
    def words(self) -> str:
        """The reason in words for staff."""
        return REASONS[self.reason]


@dataclass(frozen=True, slots=True)
class Visit:
    """The visit that a message needs to stand. `planned_for` is its time when the message was planned."""

    start: datetime
    planned_for: datetime | None = None
    cancelled: bool = False
    over: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """Everything about one message that decides whether it may go out.

    `automated` is False for what a staff member sends by hand: the clinic's mode does not stop that.
    `consent` is the state for this purpose at the contact point, `consent_expires_at` when it ends.
    `opted_out` is True after a STOP. `carrier_reply` marks the answer to STOP, START or HELP, `reply` an
    answer in a conversation; `acted_at` is when the person did what this answers (booked, called, wrote).
    `visit` is given only for messages that make no sense without their visit.
    `care_sent` of `care_limit` care messages have gone to this number in the period, `marketing_sent` of
    `marketing_limit` marketing ones, `automatic_sent` of `automatic_limit` automatic ones within a
    day, `answers_sent` of `answers_limit` automatic answers within an hour; `spent_cents` of `cap_cents` at the
    location today, to which this message would add `cost_cents`. A limit of None is none. `let_go` is True once a
    person sent it although the day's cost cap held it.
    """

    purpose: str
    zone: ZoneInfo
    mode: Mode = "live"
    automated: bool = True
    quiet: QuietHours = DEFAULT_QUIET
    send_at: datetime | None = None
    expires_at: datetime | None = None
    consent: ConsentState = "none"
    consent_expires_at: datetime | None = None
    opted_out: bool = False
    blocked_number: bool = False
    carrier_reply: bool = False
    reply: bool = False
    acted_at: datetime | None = None
    visit: Visit | None = None
    kill_switch: bool = False
    safe_mode: bool = False
    has_sender: bool = True
    care_sent: int = 0
    care_limit: int | None = None
    marketing_sent: int = 0
    marketing_limit: int | None = None
    automatic_sent: int = 0
    automatic_limit: int | None = None
    answers_sent: int = 0
    answers_limit: int | None = None
    spent_cents: int = 0
    cost_cents: int = 0
    cap_cents: int | None = None
    let_go: bool = False


def may_send(request: Request, *, now: datetime) -> Decision:
    """Decide about one message at `now` (aware). An unknown purpose is treated as marketing."""
    return (
        _about_visit(request, now)
        or _about_time(request, now)
        or _about_person(request, now)
        or _about_clinic(request)
        or _when(request, now)
    )


def _about_visit(request: Request, now: datetime) -> Decision | None:
    visit = request.visit
    if visit is None:
        return None
    if visit.cancelled:
        return Decision("skip", "visit_cancelled")
    if visit.planned_for is not None and visit.planned_for != visit.start:
        return Decision("skip", "visit_moved")
    if visit.over or visit.start <= now:
        return Decision("skip", "visit_over")
    return None


def _about_time(request: Request, now: datetime) -> Decision | None:
    if request.expires_at is not None and request.expires_at <= now:
        return Decision("expire", "too_late")
    return None


def _about_person(request: Request, now: datetime) -> Decision | None:
    if request.automated and request.mode != "live":
        return Decision("suppress", "shadow" if request.mode == "shadow" else "automation_off")
    if request.blocked_number:
        return Decision("suppress", "blocked_number")
    if request.carrier_reply:
        return None
    if request.opted_out or request.consent == "withdrawn":
        return Decision("suppress", "opted_out")
    if request.purpose not in ("service", "care") and not _granted(request, now):
        return Decision("suppress", "no_consent")
    if _enough(request):
        return Decision("suppress", "cap")
    # Last, because a person may still send it: what is merely too much is no reason to drop an answer.
    if request.automated and request.reply and _reached(request.answers_sent, request.answers_limit):
        return Decision("hold", "loop")
    return None


def _enough(request: Request) -> bool:
    if request.purpose == "care" and _reached(request.care_sent, request.care_limit):
        return True
    if request.purpose == "marketing" and _reached(request.marketing_sent, request.marketing_limit):
        return True
    return request.automated and _reached(request.automatic_sent, request.automatic_limit)


def _reached(count: int, limit: int | None) -> bool:
    return limit is not None and count >= limit


def _granted(request: Request, now: datetime) -> bool:
    ends = request.consent_expires_at
    return request.consent == "granted" and (ends is None or ends > now)


def _about_clinic(request: Request) -> Decision | None:
    if request.safe_mode:
        return Decision("hold", "safe_mode")
    if request.kill_switch:
        return Decision("hold", "kill_switch")
    if not request.has_sender:
        return Decision("hold", "no_sender")
    exempt = request.carrier_reply or request.let_go
    cap = request.cap_cents
    if cap is not None and not exempt and request.spent_cents + request.cost_cents > cap:
        return Decision("hold", "cap")
    return None


def _when(request: Request, now: datetime) -> Decision:
    due = now if request.send_at is None else max(now, request.send_at)
    exempt = _exemption(request, due)
    at = due if exempt else request.quiet.next_allowed(due, request.zone)
    if request.visit is not None and at >= request.visit.start:
        return Decision("skip", "visit_over")
    if request.expires_at is not None and at >= request.expires_at:
        return Decision("expire", "too_late")
    if at > due:
        return Decision("wait", "quiet_hours", at)
    if at > now:
        return Decision("wait", "not_due", at)
    return Decision("send", exempt or "allowed")


def _exemption(request: Request, at: datetime) -> str:
    if request.carrier_reply:
        return "carrier_reply"
    if request.reply:
        return "conversation_reply"
    if request.acted_at is not None and timedelta() <= at - request.acted_at <= JUST_ACTED:
        return "just_acted"
    return ""


# Reminders


@dataclass(frozen=True, slots=True)
class PlannedReminder:
    """One reminder of a plan: sent at `send_at`, or skipped with its reason. `moved` means that quiet hours
    moved it; `nominal` is when it would have gone."""

    template: str
    nominal: datetime
    send_at: datetime | None = None
    skipped: str = ""

    @property
    def moved(self) -> bool:
        """Whether it goes at another time than asked for."""
        return self.send_at is not None and self.send_at != self.nominal


def plan_reminders(
    appointment: datetime,
    offsets: Sequence[int],
    templates: Sequence[str],
    *,
    now: datetime,
    zone: ZoneInfo,
    quiet: QuietHours = DEFAULT_QUIET,
) -> list[PlannedReminder]:
    """The reminders of a visit, in the order given: `offsets` are seconds before it, one template each. Whole days
    count on the clinic's clock (see `moment_before`).

    One whose moment has passed is skipped. One in quiet hours moves to the nearest allowed time that is still
    to come and strictly before the visit; it is skipped when there is none, or when it would meet or pass the
    moment of another reminder.
    """
    moments = [moment_before(appointment, offset, zone) for offset in offsets]
    plan = []
    for template, nominal in zip(templates, moments, strict=True):
        others = [moment for moment in moments if moment != nominal]
        at = None if nominal <= now else _allowed(nominal, appointment, now, zone, quiet)
        if at is None or _passes(nominal, at, others):
            plan.append(PlannedReminder(template, nominal, skipped="lead_time_passed"))
        else:
            plan.append(PlannedReminder(template, nominal, send_at=at))
    return plan


def moment_before(appointment: datetime, seconds: int, zone: ZoneInfo) -> datetime:
    """The moment so many seconds before a visit, in UTC. Whole days are days on the wall: a day before 10:00 is 10:00,
    also when the clocks change in between; hours are hours.
    """
    days, rest = divmod(seconds, 86_400)
    if rest:
        return appointment - timedelta(seconds=seconds)
    wall = appointment.astimezone(zone)
    return localtime.to_utc(datetime.combine(wall.date() - timedelta(days=days), wall.time()), zone)


def _allowed(
    nominal: datetime, appointment: datetime, now: datetime, zone: ZoneInfo, quiet: QuietHours
) -> datetime | None:
    choices = (quiet.next_allowed(nominal, zone), quiet.last_allowed(nominal, zone))
    open_ = [at for at in choices if at is not None and now < at < appointment]
    return min(open_, key=lambda at: abs(at - nominal), default=None)


def _passes(nominal: datetime, at: datetime, others: Sequence[datetime]) -> bool:
    low, high = min(nominal, at), max(nominal, at)
    return any(low <= other <= high for other in others)
