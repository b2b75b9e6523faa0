"""Reading values out of what a provider sent: tolerant of spelling, exact about what is wrong.

Every reader takes the value and the field's name as the provider wrote it. A value that is absent, null or
empty is None (for a text: empty); one that is there but cannot be read raises Malformed naming the field.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import NoReturn
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from core import localtime
from core.errors import Malformed

MAX_TEXT = 255
#: What is stored of a provider's id of a text, and of a sender.
MAX_MESSAGE_ID, MAX_SENDER = 120, 254
MAX_FIELDS = 200
_YEARS = range(1970, 2200)
_SECONDS_FROM = 100_000_000
_MILLISECONDS_FROM = 100_000_000_000
_DATE_ONLY = len("2026-11-20")


def fail(field: str, what: str) -> NoReturn:
    """Raise Malformed about one field; an empty name means the body as a whole."""
    raise Malformed(f"{field or 'body'}: {what}", fields={field or "body": what})


def json_object(body: bytes | str, field: str = "") -> dict[str, object]:
    """The JSON object that a body, or a field that holds JSON text, is."""
    try:
        text = body if isinstance(body, str) else body.decode("utf-8-sig")
        value = json.loads(text)
    except (ValueError, RecursionError):
        fail(field, "this is not JSON.")
    if not isinstance(value, dict):
        fail(field, "this must be a JSON object.")
    return value


def form(body: bytes) -> dict[str, object]:
    """The fields of a form-encoded body; of a repeated field, the first."""
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        fail("", "this is not a form that can be read.")
    fields: dict[str, object] = {}
    for name, value in pairs:
        fields.setdefault(name, value)
    return fields


def mapping(value: object, field: str) -> Mapping[str, object]:
    """An object, also where it came as JSON text; an empty one where there is none."""
    if value is None or value == "":
        return {}
    if isinstance(value, str):
        return json_object(value, field)
    if not isinstance(value, Mapping):
        fail(field, "this must be an object.")
    return value


def text(value: object) -> str:
    """A short text on one line: without control characters, at most 255 characters; else empty."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return ""
    return " ".join(clean(value).split())[:MAX_TEXT].rstrip()


def clean(value: str) -> str:
    """A text that can be stored: control characters but new lines and tabs become spaces, halves of
    characters go."""
    kept = []
    for char in value:
        category = unicodedata.category(char)
        if category == "Cc" and char not in "\n\t":
            kept.append(" ")
        elif category != "Cs":
            kept.append(char)
    return "".join(kept)


def identifier(value: object, field: str) -> str:
    """An id, which must fit whole."""
    found = text(value)
    if isinstance(value, str) and len(value) > MAX_TEXT:
        fail(field, f"an id may have {MAX_TEXT} characters at most.")
    return found


def message_id(value: object) -> str:
    """A provider's id of a text; one too long to be stored is known by its hash."""
    return _short(value, MAX_MESSAGE_ID)


def sender(value: object) -> str:
    """A number or name that a text came from or went to; of one too long to be stored, its beginning and its hash."""
    # The plus of an international number that nobody encoded is a space in a form.
    if isinstance(value, str) and value.startswith(" ") and value.strip()[:1].isdigit():
        value = "+" + value.strip()
    return _short(value, MAX_SENDER, keep=40)


def _short(value: object, most: int, *, keep: int = 0) -> str:
    found = " ".join(clean(value).split()) if isinstance(value, str) else text(value)
    if len(found) <= most:
        return found
    digest = hashlib.sha256(found.encode()).hexdigest()
    return f"{found[:keep].rstrip()} sha256:{digest}".lstrip()


def first(*values: object) -> str:
    """The first text that says something."""
    return next((found for found in map(text, values) if found), "")


def whole_number(value: object, field: str) -> int | None:
    """A whole number that is not negative, also where it came as text."""
    if value is None or value == "":
        return None
    digits = str(value).strip()
    if isinstance(value, bool) or not (digits.isascii() and digits.isdigit()) or len(digits) > 18:
        fail(field, "this must be a whole number.")
    return int(digits)


def moment(value: object, field: str, zone: ZoneInfo) -> datetime | None:
    """An instant in UTC, from ISO 8601 or Unix seconds or milliseconds.

    A time without an offset is a wall-clock time in `zone`: one that does not exist is moved forward by the
    gap, one that exists twice is the first.
    """
    if value is None or value == "":
        return None
    at = _from_number(value) if _is_number(value) else _from_iso(value, zone)
    if at is None or at.year not in _YEARS:
        fail(field, "this must be a date and time, such as 2026-12-01T15:00:00+11:00.")
    return at


def moment_or_none(value: object, zone: ZoneInfo) -> datetime | None:
    """An instant as `moment` reads it; None also for one that cannot be read, where what came with it matters more."""
    try:
        return moment(value, "", zone)
    except Malformed:
        return None


def first_moment(candidates: Iterable[tuple[str, object]], zone: ZoneInfo) -> datetime | None:
    """The first of several spellings of one time that can be read; None when none is given."""
    problem: Malformed | None = None
    for field, value in candidates:
        try:
            at = moment(value, field, zone)
        except Malformed as error:
            problem = problem or error
            continue
        if at is not None:
            return at
    if problem is not None:
        raise problem
    return None


def _is_number(value: object) -> bool:
    if isinstance(value, str):
        return value.isascii() and value.isdigit()
    return isinstance(value, int | float) and not isinstance(value, bool)


def _from_number(value: object) -> datetime | None:
    try:
        number = float(str(value))
        if number < _SECONDS_FROM:
            return None
        return datetime.fromtimestamp(number / 1000 if number >= _MILLISECONDS_FROM else number, tz=UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _from_iso(value: object, zone: ZoneInfo) -> datetime | None:
    if not isinstance(value, str) or len(value.strip()) <= _DATE_ONLY:
        return None
    try:
        return localtime.to_utc(datetime.fromisoformat(value.strip()), zone)
    except (ValueError, OverflowError):
        return None
