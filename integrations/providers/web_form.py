"""A form of the clinic's website, sent by the page itself, by our snippet or by a form plug-in.

JSON or form-encoded, with whatever fields the form has (`integrations.lead_reading`). Besides the person,
their answers and the way they came it may hold `form` (its name), `submission_id` (the key of this sending),
`resource` (what is downloaded for it), boxes that allow messages (`consent`, `sms_consent`, `email_consent`,
`marketing_consent`, with `consent_wording`), and `_gotcha`, which people do not see and so leave empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal
from zoneinfo import ZoneInfo

from integrations import lead_reading, reading
from integrations.ports import LeadDelivery, Permission
from integrations.providers.console_format import read_fields

FORM = ("form", "form_name", "form_title", "form_id")
SUBMISSION = ("submission_id", "submission", "entry_id")
RESOURCE = ("resource", "download", "lead_magnet")
LANGUAGE = ("language", "lang", "locale")
TRAP = ("gotcha", "honeypot", "hp")
REDIRECT = ("redirect", "next", "thank_you_page")
WORDING = ("consent_wording", "consent_text")
MARKETING_WORDING = ("marketing_consent_wording", *WORDING)

BOTH: tuple[Literal["sms", "email"], ...] = ("sms", "email")
#: field names of a box, what it allows, and where its wording stands
BOXES: tuple[tuple[tuple[str, ...], tuple[Literal["sms", "email"], ...], bool, tuple[str, ...]], ...] = (
    (("consent", "agree", "privacy_consent"), BOTH, False, WORDING),
    (("sms_consent", "text_consent"), ("sms",), False, ("sms_consent_wording", *WORDING)),
    (("email_consent",), ("email",), False, ("email_consent_wording", *WORDING)),
    (("marketing_consent", "marketing", "newsletter", "subscribe"), BOTH, True, MARKETING_WORDING),
)
_BARE = frozenset({"on", "1", "true", "yes", "y", "checked"})
_KNOWN = (
    *FORM, *SUBMISSION, *RESOURCE, *LANGUAGE, *TRAP, *REDIRECT,
    *(name for names, _, _, wordings in BOXES for name in (*names, *wordings)),
)  # fmt: skip


def parse(body: bytes, *, zone: ZoneInfo) -> LeadDelivery:
    """What a form was filled in with. Malformed when it names neither a phone nor an e-mail."""
    fields = lead_reading.flat(read_fields(body))
    person = lead_reading.person(fields)
    if not (person.phone or person.email):
        reading.fail("phone", "give a phone or an e-mail, so that the clinic can answer.")
    return LeadDelivery(
        kind="form",
        person=person,
        external_event_id=lead_reading.said_in(fields, SUBMISSION),
        form=lead_reading.said_in(fields, FORM),
        intent=lead_reading.intent(fields),
        heard_from=lead_reading.heard_from(fields),
        resource=lead_reading.said_in(fields, RESOURCE),
        answers=lead_reading.answers(fields, _KNOWN),
        permissions=tuple(_permissions(fields)),
        arrival=lead_reading.arrival(fields),
        language=lead_reading.said_in(fields, LANGUAGE)[:12],
        trap=bool(lead_reading.said_in(fields, TRAP)),
    )


def thank_you_page(body: bytes) -> str:
    """Where the form asks its visitor to be sent afterwards; empty when nowhere."""
    return lead_reading.said_in(lead_reading.flat(read_fields(body)), REDIRECT)


def _permissions(fields: Mapping[str, str]) -> Iterator[Permission]:
    for names, channels, marketing, wordings in BOXES:
        said = lead_reading.ticked(fields, names)
        if said:
            # Some builders send a box as the words beside it.
            beside = "" if said.lower() in _BARE else said
            yield Permission(channels, marketing, lead_reading.said_in(fields, wordings) or beside)
