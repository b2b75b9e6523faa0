"""ManyChat: what a flow's External Request sends.

Three shapes arrive. The simple form has `event` and `subscriber`. A flow's own body has `event` and the
values that the clinic chose, flat. "Full Contact Data" is ManyChat's own object, alone or under `contact` or
`subscriber`; alone it has no event, and counts as an interaction. ManyChat has no event ids and does not try
again. Its ids of people may be numbers beyond what other languages hold exactly; here they are text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from core.errors import Malformed
from integrations import lead_reading, reading
from integrations.ports import Customer, LeadDelivery, LeadKind, Permission

KINDS: Mapping[str, LeadKind] = {
    "subscriber_created": "subscribed",
    "flow_completed": "completed",
    "custom_field_updated": "changed",
}
PEOPLE = ("subscriber", "contact", "user")
MOST_BUTTONS = 20
FLOW = ("flow_name", "flow", "automation", "keyword", "last_growth_tool")
FIELD_NAME = ("field_name", "field", "custom_field", "custom_field_name")
FIELD_VALUE = ("field_value", "value", "new_value", "custom_field_value")
#: Of ManyChat's own object: what tells nothing of the enquiry.
_OF_MANYCHAT = frozenset({
    "id", "subscriber_id", "user_id", "contact_id", "key", "page_id", "user_refs", "status", "gender", "profile_pic",
    "locale", "language", "timezone", "live_chat_url", "optin_phone", "optin_email", "optin_whatsapp", "subscribed",
    "last_interaction", "ig_last_interaction", "last_seen", "ig_last_seen", "is_followup_enabled", "ig_username",
    "ig_id", "whatsapp_phone", "phone_country_code", "event", "timestamp", "event_id", "buttons_clicked", "button",
    *FLOW, *FIELD_NAME, *FIELD_VALUE,
})  # fmt: skip

Json = Mapping[str, object]


def parse(body: bytes, *, zone: ZoneInfo) -> LeadDelivery:
    """What a flow told of a subscriber. Malformed when nothing says who that is."""
    payload = reading.json_object(body)
    who, changed = _who(payload), _changed(payload)
    said = lead_reading.flat({name: value for name, value in payload.items() if name not in FIELD_NAME})
    asked = lead_reading.flat({**changed, **_custom_fields(who)})
    fields = {**asked, **said}
    person = _person(who, fields)
    if not (person.contact_id or person.phone or person.email or person.name):
        reading.fail("subscriber", "this says nothing of who it is: give an id, a phone or an e-mail.")
    event = lead_reading.slug(reading.text(payload.get("event")))
    return LeadDelivery(
        kind=KINDS.get(event, "interacted"),
        person=person,
        external_event_id=reading.identifier(payload.get("event_id"), "event_id"),
        instance_id=lead_reading.said_in(fields, ["page_id"]),
        form=lead_reading.said_in(fields, FLOW),
        occurred_at=_when(event, who, payload, zone),
        intent=lead_reading.intent(lead_reading.flat(changed)) or lead_reading.intent(fields),
        buttons=_buttons(payload),
        answers=lead_reading.answers(fields, _OF_MANYCHAT),
        permissions=tuple(_permissions(who)),
        arrival=lead_reading.arrival(fields),
        language=lead_reading.said_in(fields, ("language", "locale"))[:12],
    )


def page_id(body: bytes) -> str:
    """The page a body says it is from; empty where it does not."""
    payload = reading.json_object(body)
    return reading.first(payload.get("page_id"), _who(payload).get("page_id"))


def _who(payload: Json) -> Json:
    """The object that describes the subscriber: the body itself in the flat shapes."""
    named = next((name for name in PEOPLE if payload.get(name)), "")
    return reading.mapping(payload[named], named) if named else payload


def _custom_fields(who: Json) -> Json:
    """The subscriber's own fields: an object, or a list of objects with name and value; an empty list is none."""
    given = who.get("custom_fields")
    if not isinstance(given, list):
        return reading.mapping(given, "custom_fields")
    named = [reading.mapping(each, "custom_fields") for each in given]
    return {reading.text(each.get("name")): each.get("value") for each in named}


def _changed(payload: Json) -> dict[str, object]:
    """The one custom field that changed, where the body names it apart."""
    apart = payload.get("custom_field")
    source = apart if isinstance(apart, Mapping) else payload
    names = ("name", *FIELD_NAME) if source is apart else FIELD_NAME
    name = reading.first(*(source.get(key) for key in names))
    return {name: next((source[key] for key in FIELD_VALUE if key in source), "")} if name else {}


def _person(who: Json, fields: Mapping[str, str]) -> Customer:
    known = lead_reading.person(fields)
    whatsapp = lead_reading.said_in(fields, ["whatsapp_phone"])
    number = f"+{whatsapp}" if whatsapp.isdigit() else whatsapp
    ids = [who.get(name) for name in ("id", "subscriber_id", "user_id")]
    key = reading.text(who.get("key")).removeprefix("user:")
    contact_id = reading.first(*ids, fields.get("subscriber_id"), fields.get("user_id"), key)
    return replace(known, phone=known.phone or number, contact_id=contact_id)


def _buttons(payload: Json) -> tuple[str, ...]:
    """Captions of the buttons that were clicked, each once, in order."""
    value = payload.get("buttons_clicked") or payload.get("button")
    if isinstance(value, str):
        value = value.split(",")
    captions: dict[str, None] = {}
    for each in value if isinstance(value, list) else []:
        named = each if isinstance(each, Mapping) else {"title": each}
        caption = reading.first(*(named.get(name) for name in ("title", "caption", "name", "text")))
        if caption:
            captions.setdefault(caption)
    return tuple(captions)[:MOST_BUTTONS]


def _when(event: str, who: Json, payload: Json, zone: ZoneInfo) -> datetime | None:
    """When it happened, where that is said in a way that can be read."""
    names = ("subscribed",) if event == "subscriber_created" else ("last_interaction", "ig_last_interaction")
    spellings = [("timestamp", payload.get("timestamp")), *((name, who.get(name)) for name in names)]
    try:
        return reading.first_moment(spellings, zone)
    except Malformed:
        return None


def _permissions(who: Json) -> Iterator[Permission]:
    """The opt-ins that ManyChat keeps of a subscriber."""
    if who.get("optin_phone") in (True, "true", 1, "1"):
        yield Permission(("sms",), False, "Opted in to texts in ManyChat.")
    if who.get("optin_email") in (True, "true", 1, "1"):
        yield Permission(("email",), False, "Opted in to e-mails in ManyChat.")
