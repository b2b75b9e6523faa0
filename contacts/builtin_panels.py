"""The blocks of the contact's page that speak of the contact itself."""

from __future__ import annotations

from typing import Any

from accounts.models import User
from accounts.staff_links import change_url
from contacts import panels, pipeline, selectors
from contacts.api_serializers import MomentSerializer
from contacts.models import Contact
from contacts.panels import Act
from contacts.pipeline import Place
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

NEWEST = 50
"""Lines of the timeline in the API's detail."""


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


def places(contact: Contact) -> dict[str, Any]:
    """Where a person may move the contact from where it stands."""
    here = Place(contact.current_pipeline, contact.current_stage)
    return {"places": [(str(place), pipeline.label(place)) for place in pipeline.targets(here)]}


def _edit(contact: Contact) -> str:
    return f"{change_url(contact)}?edit=1"


def connect() -> None:
    """Called when the app is ready."""
    panels.register_panel(
        "attribution", "How they found us", 70, template="contacts/panels/attribution.html",
        context=attribution, aside=True, lazy=True, closed=True,
    )  # fmt: skip
    for name, act in (
        ("move", Act("Move stage", 40, "m", "contacts", "update", template="contacts/acts/move.html", context=places)),
        ("note", Act("Note", 60, "n", "contacts", "update", template="contacts/acts/note.html")),
        ("edit", Act("Edit", 70, "e", "contacts", "update", link=_edit)),
    ):  # fmt: skip
        panels.acts.register(name, act)
    panels.register_detail("touchpoints", newest)
