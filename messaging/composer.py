"""The composer: the one box in which a person writes to a contact, on every page that has one.

A page puts `composer.for_contact(contact, user)` into its context as `compose` and includes
`messaging/_composer.html`. Whatever is written carries a key that was made with the box, so that sending the same
text again, because nobody saw the answer, finds the message of the first time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from django.urls import reverse
from django.utils.text import Truncator

from accounts import access
from accounts.models import Location, User
from contacts.models import Contact
from contacts.templatetags.contacts_tags import spoken
from core import clock, localtime
from core.causes import Cause
from core.errors import DomainError, Invalid
from core.ids import uuid7
from messaging import judging, linting, reasons, rendering, safety, segments, services
from messaging.models import Category, Channel, Message, Purpose, Template

#: A text may be planned this far ahead.
AHEAD = timedelta(days=365)
#: Decisions after which nothing would ever go out: refused before a message is made.
NEVER = ("suppress", "skip", "expire")


@dataclass(frozen=True)
class Written:
    """What stands in the box. `template` is the choice in the list ("name:language"), `filled` the one whose words
    were last put into the text.
    """

    key: str
    body: str = ""
    template: str = ""
    filled: str = ""
    purpose: str = Purpose.SERVICE.value
    at: str = ""

    @classmethod
    def of(cls, posted: Mapping[str, str]) -> Written:
        """What a form says; a key is made where it brought none."""
        purpose = posted.get("purpose", "")
        return cls(
            key=posted.get("key", "")[:60] or str(uuid7()),
            body=posted.get("body", "").replace("\r\n", "\n"),
            template=posted.get("template", "")[:80],
            filled=posted.get("filled", "")[:80],
            purpose=purpose if purpose in Purpose.values else Purpose.SERVICE.value,
            at=posted.get("at", "")[:30],
        )


@dataclass(frozen=True)
class Preview:
    """What would become of the text as it stands. `level` is good, warn or bad; `words` says when it goes or why
    not.
    """

    shown: str
    size: segments.Segments
    characters: int
    cost: float
    currency: str
    missing: tuple[str, ...]
    findings: list[linting.Finding]
    level: str
    words: str
    purpose: str
    filled_in: bool


def for_contact(
    contact: Contact, user: User, *, written: Written | None = None, error: str = "", sent: bool = False,
    back: str = "",
) -> dict[str, Any] | None:  # fmt: skip
    """The context of `messaging/_composer.html` for this person, as `compose`; None where they may not read
    messages. One query, two for who may write in several languages.

    `back` is the page to return to without JavaScript, this contact's own page unless said.
    """
    if not access.allowed(user, "read", "messages", contact.location_id):
        return None
    may_write = access.allowed(user, "create", "messages", contact.location_id)
    return {
        "contact": contact,
        "location": contact.location,
        "may_write": may_write,
        "written": written or Written(key=str(uuid7())),
        "error": error,
        "sent": sent,
        "templates": _choices(contact.location) if may_write else [],
        "purposes": [(value, label.split(":")[0]) for value, label in Purpose.choices],
        "url": reverse("admin:messaging_compose", args=(contact.public_id,)),
        "preview_url": reverse("admin:messaging_compose_preview", args=(contact.public_id,)),
        "back": back or reverse("admin:contacts_contact_change", args=(contact.public_id,)),
        "earliest": contact.location.local(clock.now()).strftime("%Y-%m-%dT%H:%M"),
        "zone": contact.location.time_zone.split("/")[-1].replace("_", " "),
        "longest": rendering.MAX_BODY,
    }


def _choices(location: Location) -> list[tuple[str, list[tuple[str, str]]]]:
    """The clinic's wordings for texts, by category: (label, [(name:language, label)])."""
    rows = list(
        Template.objects.filter(location=location, channel=Channel.SMS, is_active=True)
        .exclude(name__in=judging.CARRIER_REPLIES)
        .order_by("name", "language")
        .values_list("category", "name", "language")
    )
    names = [name for _, name, _ in rows]
    order = {category: place for place, category in enumerate(Category.values)}
    rows.sort(key=lambda row: order.get(row[0], len(order)))
    return [
        (
            str(Category(category).label),
            [
                (f"{name}:{language}", spoken(name) + (f" ({language})" if names.count(name) > 1 else ""))
                for _, name, language in group
            ],
        )
        for category, group in groupby(rows, key=lambda row: row[0])
    ]


def fill(contact: Contact, written: Written, cause: Cause) -> Written:
    """The text with the words of the chosen template in it, filled for this person; what has no value keeps its
    braces. Words that somebody typed stay, before them.
    """
    words = _words(contact, written.template, cause)
    typed = written.body.strip()
    untouched = bool(written.filled) and typed == _words(contact, written.filled, cause)
    body = f"{typed}\n{words}" if typed and not untouched else words
    purpose = _template(contact, written.template).purpose
    return Written(written.key, body, "", written.template if body == words else "", purpose, written.at)


def _template(contact: Contact, choice: str) -> Template:
    name, _, language = choice.partition(":")
    rows = Template.objects.filter(
        location=contact.location_id, name=name, channel=Channel.SMS, is_active=True
    )
    found = rows.filter(language=language).first() if language else rows.first()
    if found is None:
        raise Invalid("There is no such template, or it is switched off.", fields={"template": "unknown"})
    return found


def _words(contact: Contact, choice: str, cause: Cause) -> str:
    template = _template(contact, choice)
    wish = services.text_wish(
        contact_id=contact.pk, template=template.name, language=template.language, cause=cause
    )
    return services.foresee(wish)[0].body


def preview(contact: Contact, written: Written, cause: Cause) -> Preview:
    """What the text as it stands would become now. Nothing is written. Raises Invalid for a time that cannot be."""
    location = contact.location
    at = _moment(written.at, location)
    empty = not written.body.strip() and not written.template
    choice = _as_template(contact, written, cause)
    # An empty box is asked about too: whether this person can be written to at all.
    body = "" if choice else written.body.strip() or "."
    message, verdict = services.foresee(_wish(contact, choice, body, written, at, cause))
    shown = "" if empty else message.body
    level, words = _said(message, verdict, location)
    return Preview(
        shown=shown, size=segments.measure(shown), characters=len(shown),
        cost=0.0 if empty else verdict.cost_cents / 100, currency=location.currency,
        missing=() if empty else verdict.missing, findings=_findings(location, written, message, choice),
        level=level, words=words, purpose=str(Purpose(message.purpose).label),
        filled_in=bool(rendering.placeholders(written.body)) or (bool(choice) and not written.body.strip()),
    )  # fmt: skip


def _findings(location: Location, written: Written, message: Message, choice: str) -> list[linting.Finding]:
    if choice or not written.body.strip():
        return []
    found = safety.findings(location, body=written.body, kind="reply", purpose=message.purpose)
    # The length is shown as it is counted.
    return [finding for finding in found if finding.code not in ("long", "very_long", "encoding")]


def _said(message: Message, verdict: judging.Verdict, location: Location) -> tuple[str, str]:
    decision = verdict.decision
    if decision.kind == "send":
        return "good", f"Goes out now to {verdict.address}."
    if decision.kind == "wait":
        at = f"{location.local(decision.until or clock.now()):%a %d %b, %H:%M}"
        why = "" if decision.reason == "not_due" else f" {reasons.words(decision.reason)}"
        return ("good" if decision.reason == "not_due" else "warn"), f"Goes out {at}.{why}"
    if decision.kind == "hold":
        return "warn", f"Will be held for a person. {reasons.words(decision.reason)}"
    return "bad", f"Will not be sent. {reasons.words(decision.reason)}"


def send(contact: Contact, written: Written, cause: Cause) -> Message:
    """Put the text in line, once for each key. Raises Invalid, with nothing recorded, for what could not go out."""
    before = services.sent_before(key=written.key, cause=cause)
    at = None if before is not None else _moment(written.at, contact.location)
    choice = _as_template(contact, written, cause)
    if not choice and not written.body.strip():
        raise Invalid("Write a text, or choose a template.", fields={"body": "empty"})
    wish = _wish(contact, choice, written.body, written, at, cause)
    if before is None:
        if wish.body:
            rendering.validate(wish.body)
        _refuse_what_cannot_go(wish)
    name, _, language = choice.partition(":")
    result = services.send_text(
        contact_id=contact.pk, body=wish.body, template=name, language=language, purpose=wish.purpose,
        send_at=at, key=written.key, cause=cause,
    )  # fmt: skip
    return result.message


def _refuse_what_cannot_go(wish: services.NewMessage) -> None:
    _, verdict = services.foresee(wish)
    if verdict.missing:
        names = ", ".join(f"{{{name}}}" for name in verdict.missing)
        raise Invalid(f"There is no value for {names}. Write it in, or take it out.", code="missing_value")
    if verdict.decision.kind in NEVER:
        raise Invalid(reasons.words(verdict.decision.reason), code=verdict.decision.reason)


def _as_template(contact: Contact, written: Written, cause: Cause) -> str:
    """The template that the text is, word for word; "" for a text of one's own. What stands in the box is what is
    sent: a template whose words were changed is a text of one's own.
    """
    typed = written.body.strip()
    if not typed:
        return written.template
    if written.filled and typed == _quietly(contact, written.filled, cause):
        return written.filled
    return ""


def _quietly(contact: Contact, choice: str, cause: Cause) -> str:
    try:
        return _words(contact, choice, cause)
    except DomainError:
        return ""  # Switched off meanwhile: the words are then the person's own.


def _wish(
    contact: Contact, choice: str, body: str, written: Written, at: datetime | None, cause: Cause
) -> services.NewMessage:
    if choice:
        template = _template(contact, choice)
        return services.text_wish(
            contact_id=contact.pk, template=template.name, language=template.language, send_at=at,
            key=written.key, cause=cause,
        )  # fmt: skip
    return services.text_wish(
        contact_id=contact.pk, body=body, purpose=written.purpose, send_at=at, key=written.key, cause=cause
    )


def _moment(typed: str, location: Location) -> datetime | None:
    """A typed time of the clinic's clock as an instant; None for now."""
    if not typed.strip():
        return None
    try:
        wall = datetime.fromisoformat(typed.strip())
    except ValueError:
        raise Invalid(
            "That is no time. Write it like 2026-12-01T09:00.", fields={"at": "unreadable"}
        ) from None
    at = localtime.to_utc(wall, location.zone)
    now = clock.now()
    if not now < at <= now + AHEAD:
        raise Invalid("Choose a time that is still to come, within a year.", fields={"at": "out of range"})
    return at


def sent_text(written: Written, cause: Cause) -> str:
    """The beginning of the text that went out under this key."""
    before = services.sent_before(key=written.key, cause=cause)
    return Truncator(before.body if before is not None else "").chars(60)
