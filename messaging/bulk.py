"""One text to many: drafted and looked at, confirmed once, queued in parts, watched, stopped.

The audience is found again when the send is confirmed. Its messages are ordinary ones, judged each by itself when
they are queued and again when they are sent: consent, quiet hours, caps and a STOP in between count for everyone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, F, Sum

from accounts.models import Location, User
from contacts.models import Contact
from core import clock, events, work
from core.causes import Cause
from core.errors import Conflict, Invalid, NotFound
from core.models import Work
from core.work import NewWork
from messaging import audiences, judging, limits, linting, queueing, reasons, safety
from messaging.events import BULK_CANCELLED, BULK_CONFIRMED, BULK_DONE
from messaging.models import BulkSend, Category, Channel, Message, Purpose, Status, Template
from messaging.planning import WITHDRAWABLE
from messaging.queueing import NewMessage, queue_messages

PART = "messaging.bulk_part"
PART_SIZE = 200
#: A draft is looked at again after this long: people, texts and consents change.
DRAFT_LASTS = timedelta(hours=24)
#: How many more people than were looked at a confirmation may reach.
GROWTH = 1.1
CANCELLED = "bulk_cancelled"
_SENT = (Status.SENT, Status.DELIVERED, Status.UNKNOWN, Status.FAILED)
_ON_THE_WAY = (*WITHDRAWABLE, Status.SENDING)


@dataclass(frozen=True)
class NewBulk:
    """A wish for a text to many: an audience by kind and reference, or `contact_ids`; a template by name, or a
    wording of its own with its purpose. `key` makes a repetition of the request harmless.
    """

    audience: str
    audience_ref: str = ""
    contact_ids: Sequence[int] = ()
    template: str = ""
    message: str = ""
    purpose: str = ""
    key: str = ""


@dataclass(frozen=True)
class Preview:
    """What a send would do now. `left_out` counts people by reason; costs are in cents; `seconds` is how long the
    sender takes at its rate. `held_back` is how many of `going` the day's cost cap leaves for later days.
    """

    people: int
    going: int
    left_out: dict[str, int]
    waiting: dict[str, int]
    segments: dict[int, int]
    cost_each_cents: int
    cost_cents: int
    held_back: int
    seconds: int
    sample: str
    findings: list[linting.Finding] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """As the API answers it."""
        return {
            "people": self.people, "going": self.going,
            "left_out": [
                {"reason": reason, "why": reasons.words(reason), "count": count}
                for reason, count in sorted(self.left_out.items(), key=lambda pair: -pair[1])
            ],
            "waiting": [
                {"reason": reason, "why": reasons.words(reason), "count": count}
                for reason, count in self.waiting.items()
            ],
            "segments": [{"segments": size, "count": count} for size, count in sorted(self.segments.items())],
            "cost_each": self.cost_each_cents, "cost": self.cost_cents, "held_back": self.held_back,
            "seconds": self.seconds, "sample": self.sample,
            "findings": [{"level": one.level, "code": one.code, "text": one.text} for one in self.findings],
        }  # fmt: skip


# Drafting


@transaction.atomic
def draft(*, location: Location, user: User, wanted: NewBulk, cause: Cause) -> BulkSend:
    """Write a send down, to be looked at. Raises Invalid for a wording that must not be sent or an audience that is
    not there or empty; NotFound for an unknown template.
    """
    key = _key(location, wanted, cause)
    if key is not None:
        before = BulkSend.objects.filter(dedupe_key=key).first()
        if before is not None:
            return _the_same(before, wanted)
    template, wording, purpose = _wording(location, wanted)
    found = audiences.find(
        location, user, kind=wanted.audience, ref=wanted.audience_ref, ids=wanted.contact_ids
    )
    if not found.ids:
        raise Invalid(
            "Nobody is in that audience now.", code="nobody", fields={"audience": "nobody is in it"}
        )
    about = {
        "audience": wanted.audience, "audience_ref": wanted.audience_ref, "label": found.label[:160],
        "contact_ids": sorted(set(wanted.contact_ids)) if wanted.audience == audiences.CONTACTS else [],
        "template": template, "wording": wording, "purpose": purpose, "looked_at": len(found.ids),
        "same_number": found.same_number, "cause_kind": cause.kind, "cause_id": str(cause.id),
    }  # fmt: skip
    if key is None:
        return BulkSend.objects.create(location=location, **about)
    # Two requests with one key at once: the second finds what the first made.
    row, made = BulkSend.objects.get_or_create(dedupe_key=key, defaults={"location": location, **about})
    return row if made else _the_same(row, wanted)


def _the_same(row: BulkSend, wanted: NewBulk) -> BulkSend:
    """The send that a key stands for. Raises Invalid when it is used for another one."""
    chosen = sorted(set(wanted.contact_ids)) if wanted.audience == audiences.CONTACTS else []
    told = (wanted.audience, wanted.audience_ref, chosen, wanted.template, wanted.message.strip())
    name = "" if row.template is None else row.template.name
    meant = (row.audience, row.audience_ref, row.contact_ids, name, row.wording)
    if told != meant or wanted.purpose not in ("", row.purpose):
        raise Invalid(queueing.KEY_REUSED, code="key_reused")
    return row


def _key(location: Location, wanted: NewBulk, cause: Cause) -> str | None:
    return f"bulk:{location.pk}:{cause.id}:{wanted.key}"[:200] if wanted.key else None


def _wording(location: Location, wanted: NewBulk) -> tuple[Template | None, str, str]:
    message = wanted.message.strip()
    if bool(message) == bool(wanted.template):
        raise Invalid("Give either a message or a template.", fields={"message": "Give this, or a template."})
    if not message:
        template = Template.objects.filter(
            location=location, name=wanted.template, channel=Channel.SMS, is_active=True
        ).first()
        if template is None:
            raise NotFound(f"There is no text template {wanted.template!r} here that is switched on.")
        if wanted.purpose and wanted.purpose != template.purpose:
            raise Invalid(
                f"This template's purpose is {template.purpose}: leave the purpose out.",
                fields={"purpose": "decided by the template"},
            )
        _refuse(location, template.body, template.purpose, "template")
        return template, "", template.purpose
    if wanted.purpose not in Purpose.values:
        raise Invalid(
            f"Say what the text is for: {', '.join(Purpose.values)}.", fields={"purpose": "choose one"}
        )
    _refuse(location, message, wanted.purpose, "message")
    return None, message, wanted.purpose


def _refuse(location: Location, body: str, purpose: str, field: str) -> None:
    safety.refuse(location, body=body, purpose=purpose, kind="bulk", field=field)


# Looking at it


def preview(bulk: BulkSend, user: User) -> Preview:
    """What it would do now, person by person, summed up; a fixed number of queries. Writes nothing."""
    found = _audience(bulk, user)
    contacts = Contact.objects.select_related("location", "guardian").in_bulk(found.ids)
    cause = Cause(bulk.cause_kind, bulk.cause_id)
    rows = [queueing.unsaved(_wish(bulk, pk, cause), contacts[pk], bulk.template) for pk in found.ids]
    verdicts = judging.judge(rows)
    going = [v for v in verdicts if v.decision.kind in ("send", "wait", "hold")]
    kept = Counter(v.decision.reason for v in verdicts if v.decision.kind not in ("send", "wait", "hold"))
    if found.same_number:
        kept["same_number"] = found.same_number
    waiting = Counter(v.decision.reason for v in going if v.decision.kind != "send")
    return Preview(
        people=len(found.ids) + found.same_number,
        going=len(going),
        left_out=dict(kept),
        waiting=dict(waiting),
        segments=dict(Counter(v.segments for v in going)),
        cost_each_cents=max((v.cost_cents for v in going), default=0),
        cost_cents=sum(v.cost_cents for v in going),
        held_back=_beyond_the_cap(bulk.location, [v.cost_cents for v in going]),
        seconds=_seconds(going),
        sample=next((v.body for v in going), ""),
        findings=safety.findings(bulk.location, body=body_of(bulk), purpose=bulk.purpose, kind="bulk"),
    )


def body_of(bulk: BulkSend) -> str:
    """The text with its placeholders, as it stands now."""
    return bulk.wording if bulk.template is None else bulk.template.body


def _audience(bulk: BulkSend, user: User) -> audiences.Found:
    return audiences.find(
        bulk.location, user, kind=bulk.audience, ref=bulk.audience_ref, ids=bulk.contact_ids
    )


def _wish(bulk: BulkSend, contact_id: int, cause: Cause) -> NewMessage:
    """One person's part. It has a time of its own, so that nothing lets it pass quiet hours."""
    return NewMessage(
        contact_id=contact_id, dedupe_key=f"bulk:{bulk.pk}:{contact_id}", cause=cause,
        template=bulk.template.name if bulk.template is not None else "", body=bulk.wording, purpose=bulk.purpose,
        category=Category.CAMPAIGN, send_at=clock.now(), bulk_id=bulk.pk,
    )  # fmt: skip


def _beyond_the_cap(location: Location, costs: Sequence[int]) -> int:
    cap = location.daily_sms_cap_cents
    if cap is None:
        return 0
    left = cap - limits.spent_today([location], clock.now()).get(location.pk, 0)
    fit = 0
    for cost in costs:
        if cost > left:
            break
        left, fit = left - cost, fit + 1
    return len(costs) - fit


def _seconds(going: Sequence[judging.Verdict]) -> int:
    sender = next((v.sender for v in going if v.sender is not None), None)
    return -(-len(going) // sender.per_second) if sender is not None else 0


# Confirming


@transaction.atomic
def confirm(bulk_id: int, *, user: User, cause: Cause) -> BulkSend:
    """Send it. A second confirmation finds it confirmed and changes nothing.

    Raises Conflict when it was cancelled, is too old, or reaches many more people than were looked at; Invalid when
    its wording or audience will not do any more.
    """
    bulk = _locked(bulk_id)
    if bulk.state in (BulkSend.State.SENDING, BulkSend.State.DONE):
        return bulk
    if bulk.state == BulkSend.State.CANCELLED:
        raise Conflict("This text was cancelled. Draft it again.", code="cancelled")
    if clock.now() - bulk.created_at > DRAFT_LASTS:
        raise Conflict("This draft is more than a day old. Draft it again, and look at it.", code="stale")
    if bulk.template is not None and not bulk.template.is_active:
        raise Conflict("Its template was switched off meanwhile.", code="template_off")
    _refuse(bulk.location, body_of(bulk), bulk.purpose, "message")
    found = _audience(bulk, user)
    if len(found.ids) > max(bulk.looked_at * GROWTH, bulk.looked_at + 5):
        raise Conflict(
            f"It would go to {len(found.ids)} people now; {bulk.looked_at} were looked at. Draft it again.",
            code="audience_grew",
        )
    parts = [found.ids[start : start + PART_SIZE] for start in range(0, len(found.ids), PART_SIZE)]
    bulk.state, bulk.confirmed_at = BulkSend.State.SENDING, clock.now()
    bulk.recipients, bulk.same_number, bulk.parts_left = len(found.ids), found.same_number, len(parts)
    bulk.cause_kind, bulk.cause_id = cause.kind, str(cause.id)
    bulk.save()
    work.enqueue_many([_part(bulk, number, ids) for number, ids in enumerate(parts)])
    _tell(BULK_CONFIRMED, bulk, cause, recipients=len(found.ids))
    return bulk


def _part(bulk: BulkSend, number: int, ids: Sequence[int]) -> NewWork:
    return NewWork(
        handler=PART, location_id=bulk.location_id, subject=f"bulk:{bulk.pk}",
        dedupe_key=f"bulk:{bulk.pk}:part:{number}", args={"bulk": bulk.pk, "contacts": list(ids)},
    )  # fmt: skip


@work.handler(PART)
def queue_part(items: list[Work]) -> None:
    """Queue one part of a send, unless it was cancelled meanwhile."""
    for item in items:
        bulk = _locked(item.args["bulk"])
        if bulk.state != BulkSend.State.SENDING:
            continue
        cause = Cause(bulk.cause_kind, bulk.cause_id)
        there = Contact.objects.live().filter(pk__in=item.args["contacts"], location_id=bulk.location_id)
        queue_messages([_wish(bulk, pk, cause) for pk in there.order_by("pk").values_list("pk", flat=True)])
        BulkSend.objects.filter(pk=bulk.pk).update(parts_left=F("parts_left") - 1, updated_at=clock.now())


# Stopping, and what has become of it


@transaction.atomic
def cancel(bulk_id: int, *, cause: Cause) -> BulkSend:
    """Stop it: what has not gone out is withdrawn, what has stays. A second call changes nothing.

    Raises Conflict when all of it is done.
    """
    bulk = _locked(bulk_id)
    if bulk.state == BulkSend.State.CANCELLED:
        return bulk
    if bulk.state == BulkSend.State.DONE:
        raise Conflict("All of it has gone out; nothing is left to cancel.", code="done")
    now = clock.now()
    withdrawn = Message.objects.filter(bulk=bulk, status__in=WITHDRAWABLE).update(
        status=Status.CANCELLED, reason=CANCELLED, lease_until=None, next_try_at=None, updated_at=now
    )
    bulk.state, bulk.finished_at = BulkSend.State.CANCELLED, now
    bulk.save()
    _tell(BULK_CANCELLED, bulk, cause, withdrawn=withdrawn)
    return bulk


def finish() -> int:
    """Every minute: sends of which nothing is on its way any more are done. Returns how many."""
    finished = 0
    for bulk_id in BulkSend.objects.filter(state=BulkSend.State.SENDING, parts_left=0).values_list(
        "pk", flat=True
    ):
        with transaction.atomic():
            bulk = _locked(bulk_id)
            going = Message.objects.filter(bulk=bulk, status__in=_ON_THE_WAY).exists()
            if going or bulk.state != BulkSend.State.SENDING:
                continue
            bulk.state, bulk.finished_at = BulkSend.State.DONE, clock.now()
            bulk.save()
            _tell(BULK_DONE, bulk, Cause.clock("bulk"))
            finished += 1
    return finished


@dataclass(frozen=True)
class Progress:
    """How far a send is: messages by status, why some did not go, what it has cost so far in cents."""

    queued: int
    by_status: dict[str, int]
    not_sent: dict[str, int]
    cost_cents: int

    @property
    def sent(self) -> int:
        """How many have gone out, or may have."""
        return sum(self.by_status.get(status, 0) for status in _SENT)

    @property
    def left(self) -> int:
        """How many still wait."""
        return sum(self.by_status.get(status, 0) for status in _ON_THE_WAY)


def progress(bulk: BulkSend) -> Progress:
    """How far it is, in one query."""
    return progress_of([bulk])[bulk.pk]


def progress_of(bulks: Sequence[BulkSend]) -> dict[int, Progress]:
    """How far each of these is, in one query."""
    found: dict[int, list[Any]] = {bulk.pk: [] for bulk in bulks}
    rows = Message.objects.filter(bulk__in=found).values("bulk_id", "status", "reason")
    for row in rows.annotate(count=Count("id"), cost=Sum("cost_cents")):
        found[row["bulk_id"]].append(row)
    return {pk: _progress(theirs) for pk, theirs in found.items()}


def _progress(rows: Sequence[Any]) -> Progress:
    by_status: Counter[str] = Counter()
    not_sent: Counter[str] = Counter()
    for row in rows:
        by_status[row["status"]] += row["count"]
        if row["reason"] and row["status"] not in _SENT:
            not_sent[row["reason"]] += row["count"]
    cost = sum(row["cost"] or 0 for row in rows if row["status"] in (Status.SENT, Status.DELIVERED))
    return Progress(sum(by_status.values()), dict(by_status), dict(not_sent), cost)


def _locked(bulk_id: int) -> BulkSend:
    rows = BulkSend.objects.select_for_update(no_key=True, of=("self",)).select_related(
        "location", "template"
    )
    bulk = rows.filter(pk=bulk_id).first()
    if bulk is None:
        raise NotFound("There is no such bulk text.")
    return bulk


def _tell(type: events.EventType, bulk: BulkSend, cause: Cause, **data: int) -> None:
    events.record(
        type, cause=cause, location_id=bulk.location_id, data={"bulk": str(bulk.public_id), **data},
        source="user" if cause.kind == "user" else "system",
    )  # fmt: skip
