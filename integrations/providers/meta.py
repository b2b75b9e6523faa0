"""Meta's lead ads: a notice that names a lead, and the lead as the Graph API gives it.

A notice holds ids only and may speak of many leads at once; `notices` takes it apart, so that each lead is
one delivery. The lead itself is asked for afterwards (`integrations.graph`) and kept beside its notice under
`lead` (`with_lead`). Some senders put `field_data` into the notice at once; then nothing is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from integrations import lead_reading, reading
from integrations.ports import LeadDelivery, Permission

LEADGEN = "leadgen"
#: What the Graph API is asked for.
FIELDS = (
    "id", "created_time", "ad_id", "ad_name", "adset_id", "adset_name", "campaign_id", "campaign_name", "form_id",
    "is_organic", "platform", "field_data", "custom_disclaimer_responses",
)  # fmt: skip
IDS = ("campaign_id", "adset_id", "adset_name", "ad_id", "ad_name", "form_id", "platform")
TEST_VALUE = "<test lead:"
_MARKETING = ("marketing", "promo", "newsletter", "offers")

Json = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Notice:
    """One lead of a notice: whose page it was made on, its id, and the notice of it alone, as JSON."""

    page_id: str
    lead_id: str
    body: bytes


def notices(body: bytes) -> list[Notice]:
    """The leads that a delivery speaks of; what it says of other things is passed over."""
    return [
        Notice(_page(entry, value), _lead_id(value), _alone(entry, change))
        for entry, change, value in _changes(body)
    ]


def parse(body: bytes, *, zone: ZoneInfo) -> LeadDelivery:
    """The lead of a stored notice, with what was fetched of it."""
    for entry, _, value in _changes(body):
        lead = _lead(body) or value
        if not lead.get("field_data"):
            reading.fail("field_data", "the answers of the lead are missing.")
        return _delivery(entry, value, lead, zone)
    reading.fail("entry", "this speaks of no lead.")


def lead_id(body: bytes) -> str:
    """The id of a stored notice's lead."""
    return next((_lead_id(value) for _, _, value in _changes(body)), "")


def page_id(body: bytes) -> str:
    """The page of a stored notice."""
    return next((_page(entry, value) for entry, _, value in _changes(body)), "")


def is_complete(body: bytes) -> bool:
    """Whether a stored notice holds its lead's answers."""
    return bool(_lead(body)) or any(value.get("field_data") for _, _, value in _changes(body))


def with_lead(body: bytes, lead: bytes) -> bytes:
    """A stored notice with the lead that was fetched. Malformed when that is none."""
    fetched = reading.json_object(lead, "lead")
    if not isinstance(fetched.get("field_data"), list):
        reading.fail("lead.field_data", "the answers of the lead are missing.")
    return _json({**reading.json_object(body), "lead": fetched})


def _changes(body: bytes) -> Iterator[tuple[Json, Json, Json]]:
    """Every change about a lead, with its entry and its value."""
    for entry in _objects(reading.json_object(body).get("entry"), "entry"):
        for change in _objects(entry.get("changes"), "changes"):
            if reading.text(change.get("field")) == LEADGEN:
                yield entry, change, reading.mapping(change.get("value"), "value")


def _objects(value: object, field: str) -> list[Json]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(each, Mapping) for each in value):
        reading.fail(field, "this must be a list of objects.")
    return value


def _lead_id(value: Json) -> str:
    found = reading.identifier(value.get("leadgen_id"), "leadgen_id")
    if not found:
        reading.fail("leadgen_id", "the lead's id is missing.")
    return found


def _page(entry: Json, value: Json) -> str:
    return reading.identifier(value.get("page_id") or entry.get("id"), "page_id")


def _alone(entry: Json, change: Json) -> bytes:
    kept = {name: value for name, value in entry.items() if name != "changes"}
    return _json({"object": "page", "entry": [{**kept, "changes": [change]}]})


def _json(value: Json) -> bytes:
    return json.dumps(value, ensure_ascii=True).encode("ascii")


def _lead(body: bytes) -> Json:
    return reading.mapping(reading.json_object(body).get("lead"), "lead")


def _delivery(entry: Json, value: Json, lead: Json, zone: ZoneInfo) -> LeadDelivery:
    asked = _answers(lead)
    fields = lead_reading.flat(asked)
    form_id = reading.first(lead.get("form_id"), value.get("form_id"))
    ids = {name: reading.first(lead.get(name), value.get(name)) for name in IDS}
    fields.setdefault("campaign_name", reading.text(lead.get("campaign_name")))
    return LeadDelivery(
        kind="form",
        person=lead_reading.person(fields),
        external_event_id=_lead_id(value),
        instance_id=_page(entry, value),
        form=reading.first(lead.get("form_name")) or f"Lead form {form_id}".strip(),
        occurred_at=reading.moment(
            lead.get("created_time") or value.get("created_time"), "created_time", zone
        ),
        intent=lead_reading.intent(fields),
        heard_from="",
        answers=lead_reading.answers(fields),
        permissions=tuple(_permissions(lead)),
        arrival=lead_reading.arrival(fields, ids),
        test=any(TEST_VALUE in said.lower() for values in asked.values() for said in values),
    )


def _answers(lead: Json) -> dict[str, list[str]]:
    """Question -> answers."""
    asked: dict[str, list[str]] = {}
    for answer in _objects(lead.get("field_data"), "field_data"):
        values = answer.get("values")
        given = values if isinstance(values, list) else [values]
        name = reading.text(answer.get("name"))
        asked.setdefault(name, [said for each in given if (said := reading.text(each))])
    return asked


def _permissions(lead: Json) -> Iterator[Permission]:
    for box in _objects(lead.get("custom_disclaimer_responses"), "custom_disclaimer_responses"):
        if reading.text(box.get("is_checked")).lower() in ("1", "true") or box.get("is_checked") is True:
            key = reading.text(box.get("checkbox_key"))
            marketing = any(word in key.lower() for word in _MARKETING)
            yield Permission(("sms", "email"), marketing, key)
