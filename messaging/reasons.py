"""Why a message stands where it stands, in words for staff. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from integrations import ports
from messaging import policy

WORDS: Mapping[str, str] = {
    **ports.ERRORS,
    **policy.REASONS,
    "contact_hidden": "The contact was deleted.",
    "no_number": "The person has no mobile number, or no e-mail address.",
    "own_number": "It is a number or address of our own: machines would answer each other.",
    "no_template": "There is no such template, or it is switched off.",
    "outcome_changed": "The visit's outcome was corrected.",
    "booked_meanwhile": "The person has booked a visit meanwhile.",
    "no_answer": "The provider gave no usable answer, so it may or may not have gone out.",
    "overslept": "The computer stood still just before it was to be sent; it is tried again.",
    "too_many_tries": "The provider did not take it after several tries.",
    "not_accepted": "The provider did not take it.",
    "act_undone": "What led to it was undone.",
    "by_staff": "A person cancelled it.",
    "booking_cancelled": "The visit was cancelled.",
    "bulk_cancelled": "The bulk text was cancelled before it went out.",
    "storm_dropped": "A person dropped it together with many others.",
    "same_number": "Another one of the same audience answers that phone.",
    "restored": "It may have been sent after the backup that the system was restored from.",
    "refused": "The provider refused it.",
    "broken": "It could not be put together; the log says why.",
}


def words(reason: str) -> str:
    """A sentence for a reason code; the code itself where there is none."""
    return WORDS.get(reason, reason.replace("_", " ").capitalize() + "." if reason else "")
