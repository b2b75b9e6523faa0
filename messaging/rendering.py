"""Templates: a text with {placeholders} from a fixed list, and the values put into it.

A value is put in once and never read as a template, so that nothing a person calls themselves can pull other
values in; its line breaks and control characters become spaces. A missing value is an error, never a gap.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from core.errors import Invalid

PLACEHOLDERS: Mapping[str, str] = {
    "name": "The person's full name",
    "first_name": "The person's first name",
    "clinic": "The clinic's name",
    "clinic_phone": "The clinic's phone number",
    "intent": "What the person wants, in neutral words",
    "date": "The day of the visit",
    "time": "The time of the visit",
    "address": "The clinic's address",
    "months": "How many months until the next visit is due",
    "doctor_name": "The doctor's name",
    "practitioner": "Who sees the person",
    "booking_link": "Where to book",
    "review_link": "Where to leave a review",
    "referral_link": "Where to refer a friend",
    "incentive": "The thank-you for a referral",
    "suggested_day": "The day we propose",
    "suggested_time": "The time we propose",
    "deposit_amount": "The deposit to pay",
    "deposit_link": "Where to pay the deposit",
}
MAX_BODY = 1600
MAX_VALUE = 500
JOINERS = "\u200c\u200d"  # Cf characters that words and emoji are spelt with

_TOKEN = re.compile(r"\{([^{}]*)\}")


class MissingValue(Invalid):
    """Placeholders of a template have no value: the message is held until somebody sees to it."""

    default_code = "missing_value"

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        listed = ", ".join(f"{{{name}}}" for name in self.names)
        super().__init__(
            f"There is no value for {listed}.", fields=dict.fromkeys(self.names, "there is no value.")
        )


def placeholders(body: str) -> tuple[str, ...]:
    """The names a text asks for, each once, in the order in which they stand, known or not."""
    return tuple(dict.fromkeys(name.strip() for name in _TOKEN.findall(body)))


def problems(body: str, *, allowed: Iterable[str] = PLACEHOLDERS) -> list[str]:
    """What keeps a text from being saved as a template, in words for the person who wrote it."""
    if not body.strip():
        return ["Write a text."]
    known = list(allowed)
    found = [_unknown(name, known) for name in placeholders(body) if name not in known]
    if re.search(r"[{}]", _TOKEN.sub("", body)):
        found.append("A { or } stands alone. Write placeholders as {first_name}; leave other braces out.")
    if any(_is_control(char) and char != "\n" for char in body.replace("\r\n", "\n")):
        found.append("The text holds an invisible control character. Type it again without it.")
    if len(body) > MAX_BODY:
        found.append(f"The text has {len(body)} characters; {MAX_BODY} are the most.")
    return found


def validate(body: str, *, allowed: Iterable[str] = PLACEHOLDERS) -> None:
    """Do nothing when a text will do as a template; else raise Invalid (code `invalid_template`)."""
    found = problems(body, allowed=allowed)
    if found:
        raise Invalid(" ".join(found), code="invalid_template", fields={"body": found})


def render(body: str, values: Mapping[str, object]) -> str:
    """The text with its values in place. Raises MissingValue naming every placeholder that has none."""
    cleaned = {name: clean(values.get(name)) for name in placeholders(body)}
    missing = [name for name, value in cleaned.items() if not value]
    if missing:
        raise MissingValue(missing)
    return _TOKEN.sub(lambda found: cleaned[found[1].strip()], body)


def render_known(body: str, values: Mapping[str, object]) -> str:
    """The text with the values there are; a placeholder without one keeps its braces."""
    cleaned = {name: clean(values.get(name)) for name in placeholders(body)}
    return _TOKEN.sub(lambda found: cleaned[found[1].strip()] or found[0], body)


def clean(value: object) -> str:
    """A value on one line: control characters and breaks become spaces, invisible marks go; None is empty."""
    kept = []
    for char in "" if value is None else str(value):
        category = unicodedata.category(char)
        if category in ("Cc", "Zl", "Zp"):
            kept.append(" ")
        elif category not in ("Cf", "Cs") or char in JOINERS:
            kept.append(char)
    return " ".join("".join(kept).split())[:MAX_VALUE].rstrip()


def _unknown(name: str, known: list[str]) -> str:
    if not name:
        return "There is an empty placeholder {}. Put a name into it, or leave it out."
    close = get_close_matches(name, known, n=1)
    hint = f"Did you mean {{{close[0]}}}?" if close else f"Known are: {', '.join(known)}."
    return f"There is no placeholder {{{name}}}. {hint}"


def _is_control(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cs")
