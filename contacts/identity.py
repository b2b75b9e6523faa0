"""Who is this? Phone numbers, e-mail addresses and names, compared the way the clinic means it.

Pure: no Django, no database. A contact is identified by a phone number in E.164 within a location; people
who share one are a household, told apart by name. Nothing here guesses: what cannot be read is refused with
a reason, and two names that do not clearly agree are two people.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType, ValidationResult

from core.errors import Invalid


class PhoneClass(StrEnum):
    """What kind of line a number is, as far as it matters for sending a text."""

    MOBILE = "mobile"
    FIXED = "fixed"
    EITHER = "either"
    OTHER = "other"


_CLASSES = {
    PhoneNumberType.MOBILE: PhoneClass.MOBILE,
    PhoneNumberType.FIXED_LINE: PhoneClass.FIXED,
    PhoneNumberType.FIXED_LINE_OR_MOBILE: PhoneClass.EITHER,
}

_NO_COUNTRY = ("no_country", "The country is not known. Start the number with + and the country code.")
_NOT_A_NUMBER = ("not_a_number", "This does not look like a phone number.")
_TOO_SHORT = ("too_short", "The number is too short. Check for missing digits.")
_TOO_LONG = ("too_long", "The number is too long. Give one number without other text.")
_LOCAL_ONLY = ("local_only", "The area code is missing. Give the full number with its area code.")
_NOT_IN_USE = ("not_in_use", "No such number exists in that country. Check the digits.")

_UNPARSED = {
    NumberParseException.INVALID_COUNTRY_CODE: _NO_COUNTRY,
    NumberParseException.NOT_A_NUMBER: _NOT_A_NUMBER,
    NumberParseException.TOO_SHORT_AFTER_IDD: _TOO_SHORT,
    NumberParseException.TOO_SHORT_NSN: _TOO_SHORT,
    NumberParseException.TOO_LONG: _TOO_LONG,
}
_IMPOSSIBLE = {
    ValidationResult.TOO_SHORT: _TOO_SHORT,
    ValidationResult.TOO_LONG: _TOO_LONG,
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: _LOCAL_ONLY,
}


class PhoneRefused(Invalid):
    """The text is not a phone number that exists. ``code`` says why; the message never repeats the number."""


@dataclass(frozen=True, slots=True)
class Phone:
    """What a text says as a phone number.

    ``e164`` is the number ("" when refused), ``kind`` the class of line, ``region`` the ISO country of the
    number, ``extension`` what followed it. When refused, ``code`` and ``reason`` say why; both are ""
    otherwise.
    """

    e164: str = ""
    kind: PhoneClass = PhoneClass.OTHER
    region: str = ""
    extension: str = ""
    code: str = ""
    reason: str = ""

    @property
    def valid(self) -> bool:
        """True when the number exists."""
        return bool(self.e164)

    @property
    def can_receive_sms(self) -> bool:
        """True for a mobile, and where the country does not tell mobiles from fixed lines (US, Canada)."""
        return self.kind in (PhoneClass.MOBILE, PhoneClass.EITHER)


def read_phone(raw: str, region: str | None) -> Phone:
    """Read a phone number in any spelling; never raises.

    ``region`` is the ISO code of the location's country ("AU"), used for numbers without a country code;
    None when there is none. Spaces, brackets, dots, a trunk zero as in "+61 (0)412", "tel:", full-width and
    Arabic digits and extensions are understood, and so is how mobile numbers of Mexico and Brazil used to be
    written. Emergency and other short codes are refused.
    """
    if not raw or not raw.strip():
        return Phone(code="empty", reason="No phone number was given.")
    try:
        number = phonenumbers.parse(raw, region)
    except NumberParseException as error:
        code, reason = _UNPARSED[error.error_type]
        return Phone(code=code, reason=reason)
    number.national_number = _as_written_now(number.country_code or 0, number.national_number or 0)
    if not phonenumbers.is_valid_number(number):
        code, reason = _IMPOSSIBLE.get(phonenumbers.is_possible_number_with_reason(number), _NOT_IN_USE)
        return Phone(code=code, reason=reason)
    return Phone(
        e164=phonenumbers.format_number(number, PhoneNumberFormat.E164),
        kind=_CLASSES.get(phonenumbers.number_type(number), PhoneClass.OTHER),
        region=phonenumbers.region_code_for_number(number) or "",
        extension=number.extension or "",
    )


def _as_written_now(country: int, national: int) -> int:
    """A mobile number as its country writes it now: Mexico dropped the 1 in front of ten digits (2019), Brazil put a 9
    between the area and eight digits (2016). Providers and old address books still give the other way.
    """
    digits = str(national)
    if country == 52 and len(digits) == 11 and digits[0] == "1":
        return int(digits[1:])
    if country == 55 and len(digits) == 10 and digits[2] in "6789":
        return int(f"{digits[:2]}9{digits[2:]}")
    return national


def normalise_phone(raw: str, region: str | None) -> str:
    """The number in E.164. Raises PhoneRefused with a reason for people when it is none. See read_phone."""
    phone = read_phone(raw, region)
    if not phone.valid:
        raise PhoneRefused(phone.reason, code=phone.code, fields={"phone": phone.reason})
    return phone.e164


class EmailRefused(Invalid):
    """The text is not an e-mail address. The message never repeats it."""


_EMAIL_LOCAL = re.compile(r"[^\s@<>()\[\]\\,;:\"\x00-\x1f\x7f]{1,64}")
_EMAIL_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_EMAIL_LONGEST = 254


def normalise_email(raw: str) -> str:
    """An e-mail address, trimmed and in lower case; "" for nothing.

    A leading "mailto:" is dropped and an international domain becomes its ASCII form, so that one mailbox
    has one spelling. Dots and "+tags" are kept: they are different mailboxes at many hosts. Raises
    EmailRefused.
    """
    address = unicodedata.normalize("NFKC", raw).strip().removeprefix("mailto:").lower()
    if not address:
        return ""
    local, _, domain = address.rpartition("@")
    domain = _ascii_domain(domain)
    address = f"{local}@{domain}"
    labels = domain.split(".")
    fits = (
        len(address) <= _EMAIL_LONGEST
        and _EMAIL_LOCAL.fullmatch(local)
        and not (local.startswith(".") or local.endswith(".") or ".." in local)
        and len(labels) > 1
        and all(_EMAIL_LABEL.fullmatch(label) for label in labels)
        and not labels[-1].isdigit()
    )
    if not fits:
        reason = "This is not an e-mail address. It should look like name@example.com."
        raise EmailRefused(reason, code="not_an_email", fields={"email": reason})
    return address


def _ascii_domain(domain: str) -> str:
    """The domain as it stands in DNS; as it was where it has no such form, so that the check refuses it."""
    if domain.isascii():
        return domain
    try:
        return domain.encode("idna").decode("ascii")
    except UnicodeError:
        return domain


_TITLES = frozenset(
    {"mr", "mrs", "ms", "miss", "mx", "mstr", "master", "dr", "doctor", "prof", "professor"}
    | {"sir", "dame", "madam", "mdm", "rev", "reverend"}
)
_APOSTROPHES = dict.fromkeys(map(ord, "'`\u00b4\u2018\u2019\u02bc"))
# Letters that Unicode does not split into a base letter and an accent, as people type them without.
_PLAIN_LETTERS = str.maketrans(
    {"ø": "o", "đ": "d", "ð": "d", "ł": "l", "ħ": "h", "\u0131": "i", "æ": "ae", "œ": "oe", "þ": "th"}
)
_ACCENTS = re.compile(r"[\u0300-\u036f]")


def name_tokens(name: str) -> tuple[str, ...]:
    """The words of a name for comparing: case-folded, without accents, punctuation or titles, in order.

    "Dr. Zoë O'Brien-Smith" gives ("zoe", "obrien", "smith"). A name with nothing to compare gives ().
    """
    plain = unicodedata.normalize("NFKC", name.translate(_APOSTROPHES)).casefold().translate(_PLAIN_LETTERS)
    plain = unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFD", plain)))
    return tuple(word for word in _letters_only(plain).split() if word not in _TITLES)


def _letters_only(text: str) -> str:
    """The text with letters, marks and digits kept, invisible characters dropped, anything else a space."""
    kept = []
    for character in text:
        category = unicodedata.category(character)
        if category[0] in "LMN":
            kept.append(character)
        elif category != "Cf":
            kept.append(" ")
    return "".join(kept)


_JOINTS = "'-\u2019"
_FIRST_NAME_LONGEST = 40


def first_name(name: str) -> str:
    """The name to greet someone by, as it goes into a text; "" when there is none fit for one.

    Titles are skipped, "Smith, Jane" gives "Jane", a name in one case gets a capital ("JANE" gives "Jane"),
    and anything that is not a word, such as a link or a number, gives "" so that it is never sent on.
    """
    family, _, given = name.partition(",")
    ordered = given if name_tokens(given) else family
    for word in unicodedata.normalize("NFC", ordered).split():
        stem = word.strip("()\"'.,").split(".")[0]
        if stem.casefold() in _TITLES:
            continue
        if len(stem) > _FIRST_NAME_LONGEST or not _is_name_word(stem):
            return ""
        return _capitalised(stem) if stem.isupper() or stem.islower() else stem
    return ""


def _is_name_word(word: str) -> bool:
    """Letters and their marks, joined by single hyphens or apostrophes."""
    for joint in _JOINTS:
        word = word.replace(joint, "-")
    parts = word.split("-")
    return all(part[:1].isalpha() and all(_is_letter(character) for character in part) for part in parts)


def _is_letter(character: str) -> bool:
    return unicodedata.category(character)[0] in "LM"


def _capitalised(word: str) -> str:
    """Capitals at the start and after a hyphen or apostrophe, small letters elsewhere."""
    starts = [True, *(character in _JOINTS for character in word)]
    return "".join(
        character.upper() if first else character.lower()
        for first, character in zip(starts, word, strict=False)
    )


@dataclass(frozen=True, slots=True)
class SamePerson:
    """Whether two records mean one person, and why. ``code`` is for programs; ``reason`` names nobody."""

    same: bool
    code: str
    reason: str

    def __bool__(self) -> bool:
        return self.same


def same_person(a: str, b: str, *, same_provider_id: bool = False) -> SamePerson:
    """Do two names on one phone number mean the same person?

    They do when the provider's contact id matches, when either is empty, when their words are equal, when
    one's words are among the other's, or when they match by initials: each word of one goes with a word of
    the other that is equal to it or that it abbreviates, and either a full word is shared or one name is
    nothing but the initials of the other. Symmetric. Everything else is another member of the household.
    """
    if same_provider_id:
        return SamePerson(True, "provider_id", "The booking system knows both as one contact.")
    first, second = Counter(name_tokens(a)), Counter(name_tokens(b))
    if not first or not second:
        return SamePerson(True, "empty", "One of them has no name, so nothing speaks against it.")
    if first == second:
        return SamePerson(True, "equal", "The names are equal.")
    if first <= second or second <= first:
        return SamePerson(True, "subset", "One name is part of the other.")
    if _match_by_initials(first, second):
        return SamePerson(True, "initials", "The names match by initials.")
    return SamePerson(False, "different", "The names differ.")


def _match_by_initials(first: Counter[str], second: Counter[str]) -> bool:
    shared = first & second
    left, right = first - shared, second - shared
    anchored = any(not _is_initial(token) for token in shared)
    for short, long in ((left, right), (right, left)):
        if not _abbreviates(short, long):
            continue
        if anchored or (_only_initials(short + shared) and short.total() == long.total()):
            return True
    return False


def _abbreviates(short: Counter[str], long: Counter[str]) -> bool:
    """True when each word of ``short`` finds its own word in ``long``, one being the other's initial."""
    initials, words = _first_letters(short, initials=True), _first_letters(short, initials=False)
    return initials <= _first_letters(long, initials=False) and words <= _first_letters(long, initials=True)


def _first_letters(tokens: Counter[str], *, initials: bool) -> Counter[str]:
    """How often each letter begins one of the tokens: of the initials among them, or of the full words."""
    letters: Counter[str] = Counter()
    for token, count in tokens.items():
        if _is_initial(token) is initials:
            letters[token[0]] += count
    return letters


def _is_initial(token: str) -> bool:
    """A single letter of an alphabet with capitals. A single Chinese character is a whole name."""
    return len(token) == 1 and token.islower()


def _only_initials(tokens: Counter[str]) -> bool:
    return all(_is_initial(token) for token in tokens)
