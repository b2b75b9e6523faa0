"""The blocks of the contact's page that speak of the contact itself."""

from __future__ import annotations

from typing import Any

from accounts.models import User
from contacts import panels, selectors
from contacts.api_serializers import MomentSerializer
from contacts.models import Contact
from contacts.vocabulary import LABELS, Source

SOURCES: dict[str, str] = dict(Source.choices)

TOUCH_WORDS: dict[str, str] = {
    "channel": "Form or flow",
    "campaign": "Campaign",
    "adset_name": "Ad set",
    "ad_name": "Ad",
    "platform": "Platform",
    "referrer": "Came from",
    "landing_page": "Landed on",
}
"""What a touch tells, in the order in which staff read it. Ids stay in the API."""

AD_CLICKS: dict[str, str] = {
    "gclid": "a Google ad",
    "gbraid": "a Google ad",
    "wbraid": "a Google ad",
    "fbclid": "a link on Facebook or Instagram",
    "msclkid": "a Microsoft ad",
    "ttclid": "a TikTok ad",
}
"""What a click id says."""

SHOWN = 25
"""Lines of the timeline on the page at once."""

NEWEST = 50
"""Lines of the timeline in the API's detail."""


def about(contact: Contact, user: User) -> dict[str, Any]:
    """Who this is: how to reach them, where they stand, who else is of the household."""
    others = Contact.objects.live().filter(guardian=contact).order_by("name")
    return {"members": list(others) if contact.guardian_id is None else []}


def warmness(contact: Contact, user: User) -> dict[str, Any]:
    """The score, part by part, with what is behind it."""
    return {"parts": selectors.warmness_explained(contact)}


def timeline(contact: Contact, user: User) -> dict[str, Any]:
    """The latest of what happened."""
    lines = selectors.timeline(contact, limit=SHOWN + 1)
    return {"lines": lines[:SHOWN], "more": lines[SHOWN - 1].cursor if len(lines) > SHOWN else ""}


def consent(contact: Contact, user: User) -> dict[str, Any]:
    """What the holder of the phone and e-mail allowed."""
    return {"channels": selectors.consent_shown(contact)}


def attribution(contact: Contact, user: User) -> dict[str, Any] | None:
    """How this person found the clinic, first and last."""
    touches = [("First", contact.first_touch), ("Latest", contact.last_touch)]
    shown = [(label, touch) for label, touch in touches if touch]
    return {"touches": [(label, _words(touch)) for label, touch in shown]} if shown else None


def _words(touch: dict[str, str]) -> dict[str, Any]:
    """A touch as staff read it: what came of it and by which campaign first, ids of machines last."""
    what = [("What", LABELS.get(touch["type"], touch["type"]))] if "type" in touch else []
    told = [(words, touch[key]) for key, words in TOUCH_WORDS.items() if touch.get(key)]
    # A campaign is named once, however it was told.
    named = {value for _, value in told}
    tagged = [
        (f"UTM {key[4:]}", value)
        for key, value in sorted(touch.items())
        if key.startswith("utm_") and value not in named
    ]
    clicked = [AD_CLICKS[key] for key in touch if key in AD_CLICKS]
    return {
        "source": SOURCES.get(touch.get("source", ""), touch.get("source", "")),
        "at": selectors.moment_of(touch.get("at", "")),
        "more": [*what, *told, *tagged, *[("Clicked", words) for words in sorted(set(clicked))]],
    }


def newest(contact: Contact, user: User) -> Any:
    """The detail's `touchpoints`: the newest of the timeline, in its own endpoint's shape."""
    return MomentSerializer(selectors.timeline(contact, limit=NEWEST), many=True).data


def connect() -> None:
    """Called when the app is ready."""
    panels.register_panel("about", "About", 10, template="contacts/panels/about.html", context=about)
    panels.register_panel(
        "timeline", "What happened", 90, template="contacts/panels/timeline.html", context=timeline
    )
    panels.register_panel(
        "warmness", "Warmness", 20, template="contacts/panels/warmness.html", context=warmness, aside=True
    )
    panels.register_panel(
        "consent", "Consent", 60, template="contacts/panels/consent.html", context=consent, aside=True
    )
    panels.register_panel(
        "attribution",
        "How they found us",
        70,
        template="contacts/panels/attribution.html",
        context=attribution,
        aside=True,
    )
    panels.register_detail("touchpoints", newest)
