"""What a lead means to the clinic: its source, its intent, and what happened, from the words it came with.

Pure. The words on the left come from ads, websites and people; the codes on the right are those of
`contacts.vocabulary`. What is not understood stays a text for people to read: nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from integrations.ports import Arrival, LeadDelivery

PROCEDURE, HIGH_RISK, FOLLOW_UP = "procedure", "high_risk", "follow_up"
ROUTINE_CHECK, GENERAL_INQUIRY = "routine_check", "general_inquiry"

#: In this order: "mole removal follow-up" is a follow-up, "high risk skin check" a high-risk check.
_INTENT_WORDS: tuple[tuple[str, str], ...] = (
    (FOLLOW_UP, r"follow[\s-]?ups?|stitch\w*|sutures?|wound|results?|after my|aftercare|review appointment"),
    (
        HIGH_RISK,
        r"high[\s-]?risk|melanoma|family history|changing mole|full[\s-]body|total body|mole mapping",
    ),
    (
        PROCEDURE,
        r"procedures?|removals?|remove\w*|surg\w+|excis\w+|biops\w+|operations?|treat\w*|laser|cryo\w*",
    ),
    (
        ROUTINE_CHECK,
        r"routine|check[\s-]?ups?|checks?|screen\w*|annual|yearly|exam\w*|consult\w*|scans?|botox",
    ),
    (
        GENERAL_INQUIRY,
        r"general|enquir\w+|inquir\w+|questions?|pric\w+|costs?|fees?|info\w*|other|hours|parking",
    ),
)
_INTENTS = tuple((code, re.compile(rf"\b(?:{words})\b", re.IGNORECASE)) for code, words in _INTENT_WORDS)
_DENIED = re.compile(r"\b(?:not?|never|without|instead of)\b|n['\u2019]t\b", re.IGNORECASE)

SOURCES = frozenset({
    "referral", "manychat", "manychat_completed", "meta_form", "meta_ads", "google_ads", "organic_search",
    "word_of_mouth", "existing_patient", "walk_in", "wix", "web_form", "web_chat", "phone", "sms", "instagram",
    "email", "import", "other",
})  # fmt: skip

_PAID = frozenset(
    {
        "cpc",
        "ppc",
        "paid",
        "paidsearch",
        "paid_search",
        "paidsocial",
        "paid_social",
        "cpm",
        "display",
        "ads",
        "ad",
    }
)
_GOOGLE = frozenset({"google", "adwords", "googleads", "google_ads", "youtube"})
_META = frozenset({"facebook", "fb", "meta", "instagram", "ig", "facebook_ads", "meta_ads", "an", "msg"})
_SEARCH = (
    "google",
    "bing",
    "duckduckgo",
    "yahoo",
    "ecosia",
    "baidu",
    "yandex",
    "brave",
    "startpage",
    "qwant",
)
#: Sites where people talk: a link there is nobody's referral.
_SOCIAL = frozenset({
    "facebook", "fb", "messenger", "threads", "twitter", "x", "t", "linkedin", "lnkd", "tiktok", "pinterest", "reddit",
    "youtube", "youtu", "snapchat", "whatsapp",
})  # fmt: skip
_OTHER_ADS = ("msclkid", "ttclid")
_SAYS: tuple[tuple[str, str], ...] = (
    ("existing_patient", r"existing|already a patient|current patient|been before|returning"),
    ("referral", r"referr?\w*|gp|doctor|specialist|physician|(?:an)?other clinic"),
    (
        "word_of_mouth",
        r"word of mouth|friends?|family|colleague|neighbour|neighbor|mum|dad|partner|wife|husband",
    ),
    ("instagram", r"instagram|insta"),
    ("meta_ads", r"facebook|fb"),
    ("google_ads", r"google ads?|adwords"),
    ("organic_search", r"google|bing|search\w*|internet|online|web search"),
    ("walk_in", r"walk\w*(?: past| in| by)?|drove past|signage?|shop ?front"),
    ("email", r"e-?mail|newsletter"),
)
_SAID = tuple((code, re.compile(rf"\b(?:{words})\b", re.IGNORECASE)) for code, words in _SAYS)

_BOOKS = re.compile(
    r"\s*book(?:\s+(?:now|online|here|today|a\s+visit|in|(?:an?\s+|my\s+)?appointment))?\W*", re.I
)

FORM_SUBMIT, RESOURCE, BOOKING_LINK = "form_submit", "resource_download", "booking_link_click"
BUTTON = "manychat_button_click"
_KINDS = {
    "form": FORM_SUBMIT,
    "subscribed": "manychat_subscribe",
    "completed": "manychat_flow_complete",
    "changed": "manychat_interaction",
    "interacted": "manychat_interaction",
}
#: Kept in the clear beside a touchpoint: ids and names of campaigns, never what a person said.
_IDS = ("campaign_id", "adset_id", "adset_name", "ad_id", "ad_name", "form_id", "platform")


@dataclass(frozen=True, slots=True)
class Happening:
    """One touchpoint to log. `leads` says that it is a way the contact found the clinic."""

    type: str
    channel: str = ""
    details: Mapping[str, str] = field(default_factory=dict)
    leads: bool = False


def intent_of(words: str) -> str:
    """The intent somebody's words name; "" when they name none. One of our codes is taken as it is.

    Where words deny something ("not a procedure") nothing is read into them.
    """
    code = re.sub(r"[\s-]+", "_", words.strip().lower()).replace("enquiry", "inquiry")
    if code in (PROCEDURE, HIGH_RISK, FOLLOW_UP, ROUTINE_CHECK, GENERAL_INQUIRY):
        return code
    if _DENIED.search(words):
        return ""
    return next((found for found, pattern in _INTENTS if pattern.search(words)), "")


def source_of(delivery: LeadDelivery, provider: str) -> str:
    """Where the person came from: a code of our sources.

    A chat and a lead ad speak for themselves. Of a form, what was paid for counts first, then a campaign's
    name, then what the person says, then the page that led to ours.
    """
    if provider == "manychat":
        return "manychat_completed" if delivery.kind == "completed" else "manychat"
    if provider == "meta":
        return "meta_form"
    arrival = delivery.arrival
    return (
        _by_click(arrival)
        or _by_campaign(arrival)
        or said_source(delivery.heard_from)
        or _by_referrer(arrival)
        or "web_form"
    )


def said_source(words: str) -> str:
    """The source somebody's words name; "" when they name none."""
    code = re.sub(r"[\s-]+", "_", words.strip().lower())
    if code in SOURCES:
        return code
    return next((found for found, pattern in _SAID if pattern.search(words)), "")


def _by_click(arrival: Arrival) -> str:
    clicks = arrival.clicks
    if any(clicks.get(name) for name in ("gclid", "gbraid", "wbraid")):
        return "google_ads"
    if clicks.get("fbclid") and _medium(arrival) not in ("organic", "social", "organic_social", "referral"):
        # Facebook puts its id on links that nobody paid for, too: a campaign's own medium knows better.
        return "meta_ads"
    return "other" if any(clicks.get(name) for name in _OTHER_ADS) else ""


def _by_campaign(arrival: Arrival) -> str:
    source, medium = _word(arrival.utm.get("utm_source", "")), _medium(arrival)
    if medium in _PAID:
        return "google_ads" if source in _GOOGLE else "meta_ads" if source in _META else "other"
    if medium in ("email", "e_mail", "newsletter"):
        return "email"
    if medium in ("sms", "text"):
        return "sms"
    if medium == "referral":
        return "referral"
    if medium == "organic" and source in _SEARCH:
        return "organic_search"
    if source in ("instagram", "ig"):
        return "instagram"
    return source if source in SOURCES else ""


def _by_referrer(arrival: Arrival) -> str:
    host = urlsplit(arrival.referrer).hostname or ""
    ours = urlsplit(arrival.landing_page).hostname or ""
    if not host or _site(host) == _site(ours):
        return ""
    names = host.split(".")
    if any(name in _SEARCH for name in names):
        return "organic_search"
    if "instagram" in names:
        return "instagram"
    return "other" if names[-2:-1] and names[-2] in _SOCIAL else "referral"


def _site(host: str) -> str:
    return host.removeprefix("www.").removeprefix("m.")


def _medium(arrival: Arrival) -> str:
    return _word(arrival.utm.get("utm_medium", ""))


def _word(text: str) -> str:
    return re.sub(r"[\s-]+", "_", text.strip().lower())


def details_of(arrival: Arrival) -> dict[str, str]:
    """What a touchpoint keeps of the way somebody came."""
    kept = {
        **arrival.utm,
        **arrival.clicks,
        **{name: value for name, value in arrival.ids.items() if name in _IDS},
        "campaign": arrival.campaign,
        "referrer": arrival.referrer,
        "landing_page": arrival.landing_page,
    }
    return {name: value for name, value in kept.items() if value}


def happenings(delivery: LeadDelivery) -> list[Happening]:
    """What happened, in order: the enquiry itself, then each button, then what was downloaded."""
    came, form = details_of(delivery.arrival), delivery.form[:80]
    own = {"form": form} if delivery.kind == "form" else {"flow": form}
    told = [
        Happening(_KINDS[delivery.kind], form, {**came, **{k: v for k, v in own.items() if v}}, leads=True)
    ]
    for caption in delivery.buttons:
        told.append(Happening(BUTTON, form, {"button": caption[:80]}))
        if is_booking(caption):
            told.append(Happening(BOOKING_LINK, form, {"button": caption[:80]}))
    if delivery.resource:
        told.append(Happening(RESOURCE, form, {"resource": delivery.resource[:80]}))
    return told


def is_booking(caption: str) -> bool:
    """Whether a button leads to booking a visit: "Book Now" and the like."""
    return _BOOKS.fullmatch(caption) is not None
