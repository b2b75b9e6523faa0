"""Reading a person, and how they came, from the fields of a form: whoever built it, whatever it calls them.

Pure. A field's name is compared as a slug, so that "First Name", "first-name" and "firstName" are one. What
is not known by name is an answer, and kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl, urlsplit

from integrations import reading
from integrations.ports import Arrival, Customer

MOST_FIELDS = 100
LONGEST_ANSWER = 2000
LONGEST_NAME = 80

UTM = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "utm_id")
CLICKS = ("gclid", "gbraid", "wbraid", "fbclid", "msclkid", "ttclid")
REFERRER = ("referrer", "referer", "http_referer", "document_referrer")
LANDING = ("landing_page", "landing_url", "landing", "page_url", "page_location")
CAMPAIGN = ("campaign", "campaign_name")

NAME = ("name", "full_name", "fullname", "your_name", "contact_name")
FIRST = ("first_name", "firstname", "fname", "given_name")
LAST = ("last_name", "lastname", "lname", "surname", "family_name")
EMAIL = ("email", "e_mail", "email_address", "your_email", "work_email", "contact_email")
PHONE = (
    "phone", "phone_number", "mobile", "mobile_number", "mobile_phone", "cell", "cell_phone", "tel", "telephone",
    "your_phone", "work_phone_number", "contact_phone",
)  # fmt: skip
INTENT = (
    "intent", "interest", "interested_in", "enquiry_type", "inquiry_type", "reason", "reason_for_visit", "service",
    "treatment",
)  # fmt: skip
HEARD_FROM = ("how_did_you_hear", "how_did_you_hear_about_us", "heard_from", "heard_about_us", "source")

#: Parts of a question that asks what somebody wants, where a form spells its own.
_ASKS_INTENT = (
    "interested_in",
    "looking_for",
    "reason_for",
    "help_you_with",
    "which_service",
    "which_treatment",
)
_ASKS_SOURCE = ("hear_about", "heard_about", "find_out_about_us", "how_did_you_find")
_NO = frozenset({"", "0", "false", "no", "off", "n", "none", "unchecked", "null"})
_WORD_STARTS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NOT_IN_SLUGS = re.compile(r"[\W_]+")
# What a page or flow left in place of a value it did not have.
_BLANK = re.compile(r"\{\{?[^{}]*\}?\}|\[[a-z_-]+\]|<[^<>]*>")


def slug(name: str) -> str:
    """A field's name for comparing: lower case, words joined by underscores."""
    words = _WORD_STARTS.sub("_", reading.clean(name)[: LONGEST_NAME * 2])
    return _NOT_IN_SLUGS.sub("_", words).strip("_").lower()[:LONGEST_NAME]


def flat(fields: Mapping[str, object]) -> dict[str, str]:
    """The fields as slug -> text, in their order; empty ones left out.

    The fields of an object within count as fields (`{"utm": {"source": …}}` as utm_source), several values
    are joined by commas, and what is no value but a placeholder nobody filled counts as empty.
    """
    found: dict[str, str] = {}
    for name, value in _pairs(fields):
        key, said = slug(name), _said(value)
        if key and said and key not in found and len(found) < MOST_FIELDS:
            found[key] = said
    return found


def _pairs(fields: Mapping[str, object]) -> Iterable[tuple[str, object]]:
    within: list[tuple[str, object]] = []
    for name, value in fields.items():
        if isinstance(value, Mapping):
            prefix = "utm_" if slug(name) == "utm" else ""
            within += [
                (f"{prefix}{inner}".replace("utm_utm_", "utm_"), each) for inner, each in value.items()
            ]
        else:
            yield name, value
    yield from within


def _said(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(part for part in map(_said, value) if part)[:LONGEST_ANSWER]
    if isinstance(value, bool):
        return "true" if value else ""
    if isinstance(value, int | float):
        return str(value)
    if not isinstance(value, str):
        return ""
    said = reading.clean(value).strip()[:LONGEST_ANSWER].rstrip()
    return "" if _BLANK.fullmatch(said) else said


def ticked(fields: Mapping[str, str], names: Iterable[str]) -> str:
    """What a ticked box of one of these names was sent as; empty where none is ticked."""
    return next((said for name in names if (said := fields.get(name, "")).lower() not in _NO), "")


def said_in(fields: Mapping[str, str], names: Iterable[str]) -> str:
    """What the first filled field of these names says, on one line."""
    return reading.first(*(fields.get(name) for name in names))


def person(fields: Mapping[str, str], contact_id: str = "") -> Customer:
    """Who it is."""
    whole = said_in(fields, NAME)
    parts = reading.text(f"{said_in(fields, FIRST)} {said_in(fields, LAST)}")
    return Customer(
        name=whole or parts, phone=said_in(fields, PHONE), email=said_in(fields, EMAIL), contact_id=contact_id
    )


def intent(fields: Mapping[str, str]) -> str:
    """What they want, in their words."""
    return said_in(fields, INTENT) or said_in(fields, _asking(fields, _ASKS_INTENT))


def heard_from(fields: Mapping[str, str]) -> str:
    """How they say they found the clinic."""
    return said_in(fields, HEARD_FROM) or said_in(fields, _asking(fields, _ASKS_SOURCE))


def _asking(fields: Mapping[str, str], parts: Iterable[str]) -> list[str]:
    return [name for name in fields if any(part in name for part in parts)]


def arrival(fields: Mapping[str, str], ids: Mapping[str, str] | None = None) -> Arrival:
    """How they came: the fields say it or, where they do not, the query of the page they landed on."""
    # Whole: what brought them stands at the end of long addresses.
    landed = next((said for name in LANDING if (said := fields.get(name))), "")
    queried = _query(landed)
    utm = {name: said for name in UTM if (said := said_in(fields, [name]) or reading.text(queried.get(name)))}
    clicks = {
        name: said for name in CLICKS if (said := said_in(fields, [name]) or reading.text(queried.get(name)))
    }
    return Arrival(
        utm=utm,
        clicks=clicks,
        ids={name: value for name, value in (ids or {}).items() if value},
        campaign=said_in(fields, CAMPAIGN) or utm.get("utm_campaign", ""),
        referrer=address(said_in(fields, REFERRER)),
        landing_page=address(landed),
    )


def _query(url: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(urlsplit(url).query, max_num_fields=reading.MAX_FIELDS)
    except ValueError:
        return {}
    return dict(pairs)


def address(url: str) -> str:
    """A web address without what may name somebody: its query, its fragment, its user."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    host = (parts.hostname or "") if parts.scheme in ("http", "https") else ""
    return reading.text(f"{parts.scheme}://{host}{parts.path}") if host else ""


KNOWN = frozenset((
    *UTM, *CLICKS, *REFERRER, *LANDING, *CAMPAIGN, *NAME, *FIRST, *LAST, *EMAIL, *PHONE, *INTENT, *HEARD_FROM,
))  # fmt: skip


def answers(fields: Mapping[str, str], known: Iterable[str] = ()) -> dict[str, str]:
    """Every other field: what the form asked besides."""
    taken = KNOWN.union(known)
    return {name: said for name, said in fields.items() if name not in taken}
