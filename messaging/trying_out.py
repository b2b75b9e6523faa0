"""A template sent to the on-screen phone, to see how it arrives: a real message in the real ledger, at a clinic whose
texts can reach nobody.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from django.db import transaction

from accounts import access, roles
from accounts.models import User
from contacts.models import Contact
from core import clock
from core.causes import Cause
from core.errors import Conflict, Invalid
from integrations.models import Provider, SenderIdentity
from messaging import queueing, reasons, staff, wordings
from messaging.models import Channel, Message, Template

#: It goes now or not at all: what waited would go by whatever account the clinic has by then.
LASTS = timedelta(minutes=10)


def why_not(template: Template) -> str:
    """Why this template cannot be tried on the on-screen phone, and what to do instead; "" when it can. One query."""
    place = template.location
    if template.channel != Channel.SMS:
        return "An e-mail has no phone to arrive on. Read it in the preview."
    rows = SenderIdentity.objects.filter(location=place, account__enabled=True, enabled=True).select_related(
        "account"
    )
    texting = {Provider(row.account.provider) for row in rows if not row.is_email}
    if others := sorted(str(one.label) for one in texting - {Provider.CONSOLE}):
        return (
            f"Texts of {place} go out through {' and '.join(others)}: a test would be a real text to a real number. "
            "Read it in the preview, or try it at a clinic whose texts go to the on-screen phone."
        )
    if Provider.CONSOLE not in texting:
        return (
            f"{place} has no on-screen phone. Under Providers, switch on an account “On-screen phone” with a sender, "
            "or read it in the preview."
        )
    if not template.is_active:
        return "The template is switched off. Switch it on, or read it in the preview."
    return ""


@transaction.atomic
def send(template: Template, contact: Contact, *, user: User, key: str) -> Message:
    """Put the saved wording in line for a contact of the template's clinic, once for each key, contact and wording: a
    page that was gone back to keeps its key. Quiet hours do not hold it back: nobody is woken.

    Raises Conflict where texts reach real phones (see `why_not`), Invalid, with nothing recorded, for what would not go
    now, NotAllowed for who may not write there.
    """
    access.check(user, roles.CREATE, "messages", template.location)
    if why := why_not(template):
        raise Conflict(why, code="no_on_screen_phone")
    cause = Cause.user(user.pk)
    newest = wordings.newest_versions([template]).get(template.pk)
    key = f"{key}:{contact.pk}:{newest.pk if newest is not None else 0}"
    if (before := staff.sent_before(key=key, cause=cause)) is not None:
        return before
    if contact.location_id != template.location_id or not contact.reach_phone:
        raise Invalid(
            f"Choose a person of {template.location} with a phone.", fields={"contact": "cannot be texted"}
        )
    now = clock.now()
    wish = replace(
        staff.text_wish(
            contact_id=contact.pk, template=template.name, language=template.language, key=key, cause=cause
        ),
        acted_at=now, expires_at=now + LASTS,
    )  # fmt: skip
    _, verdict = queueing.foresee(wish)
    if verdict.missing:
        names = ", ".join(f"{{{name}}}" for name in verdict.missing)
        raise Invalid(f"{contact} has no value for {names}: the text would be held. Choose somebody else.")
    if verdict.decision.kind != "send":
        raise Invalid(
            f"It would not go now. {reasons.words(verdict.decision.reason)}", code=verdict.decision.reason
        )
    return queueing.queue_messages([wish])[0].message
