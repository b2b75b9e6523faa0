"""What a sender has to be registered for, by the clinic's law, and what each state of it means for staff."""

from __future__ import annotations

import re

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from core.errors import Invalid
from integrations.models import Provider, SenderIdentity

_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
_NAME = re.compile(r"[A-Za-z0-9&.\- ]{3,11}")
_SPACES = re.compile(r"[\s()\-]+")

#: What each state means and what to do next.
STATES: dict[str, str] = {
    SenderIdentity.Registration.NOT_NEEDED: "Texts go out from it as it is.",
    SenderIdentity.Registration.UNREGISTERED: "No text goes out from it yet: register it with the provider.",
    SenderIdentity.Registration.PENDING: "No text goes out from it yet: wait for the provider's word.",
    SenderIdentity.Registration.REGISTERED: "Texts go out from it.",
    SenderIdentity.Registration.REFUSED: "No text goes out from it: mend what the provider named, or use another.",
}  # fmt: skip


def is_number(value: str) -> bool:
    """Whether a sender is a number in E.164; else it is a name."""
    return _NUMBER.fullmatch(value) is not None


def checked(sender: SenderIdentity) -> str:
    """The sender's number or name as it is stored. Raises Invalid, saying what is wrong, for neither."""
    typed = sender.value.strip()
    mails = sender.account.provider == Provider.EMAIL
    if mails or "@" in typed:
        return _address(typed, may_mail=mails or sender.account.provider == Provider.CONSOLE)
    bare = _SPACES.sub("", typed)
    if is_number(bare):
        return bare
    if not re.search(r"[A-Za-z]", typed) or not _NAME.fullmatch(typed):
        raise Invalid(
            "This is neither a number nor a name.",
            fields={
                "value": "Give a number with its country, such as +61 2 5550 1000, or a name of 3 to 11 plain letters "
                "and digits."
            },
        )
    if sender.location.legal_profile in ("US", "CA") and sender.account.provider != Provider.CONSOLE:
        raise Invalid(
            "Names cannot send texts in North America.",
            fields={"value": "Carriers there take numbers only. Give a number such as +1 415 555 0100."},
        )
    return typed


def _address(typed: str, *, may_mail: bool) -> str:
    """The e-mail address as it is stored. Raises Invalid for what is none, or on an account that sends no e-mail."""
    if not may_mail:
        raise Invalid(
            "This account sends no e-mail.",
            fields={"value": "Put e-mail addresses on the clinic's E-mail account."},
        )
    try:
        validate_email(typed)
    except ValidationError:
        raise Invalid(
            "This is no e-mail address.", fields={"value": "Give the address that e-mails come from."}
        ) from None
    return typed.lower()


def registration_needed(sender: SenderIdentity) -> str:
    """What the law of the clinic's country wants this sender registered as; "" for nothing.

    Australia's SMS Sender ID Register covers names; numbers are not affected. US carriers block application
    texts from numbers without an A2P 10DLC brand and campaign. The on-screen phone needs neither.
    """
    if sender.account.provider == Provider.CONSOLE or sender.is_email:
        return ""
    law = sender.location.legal_profile
    if law == "AU" and not is_number(sender.value):
        return "the SMS Sender ID Register"
    if law == "US" and is_number(sender.value):
        return "A2P 10DLC (brand and campaign)"
    return ""


def advice(sender: SenderIdentity) -> str:
    """What staff should know about this sender's registration, in words."""
    needed = registration_needed(sender)
    said = STATES[sender.registration]
    if needed and sender.registration == SenderIdentity.Registration.NOT_NEEDED:
        return f"It does need registration: {needed}."
    return f"Wants {needed}. {said}" if needed else said
