from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from contacts.uniting import FIELDS, united

EARLY, LATE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
NOTHING: dict[str, Any] = {
    "name": "", "email": "", "intent": "", "owner_id": None, "preferred_channel": "", "language": "",
    "is_existing_patient": False, "is_high_risk": False, "recall_due_date": None, "lead_at": None,
    "last_touchpoint_at": None, "last_inbound_at": None, "last_outbound_at": None, "source": "other",
    "tags": [], "notes": "", "custom_fields": {}, "first_touch": {}, "last_touch": {},
}  # fmt: skip


def both(keep: dict[str, Any], away: dict[str, Any]) -> dict[str, Any]:
    return united(NOTHING | keep, NOTHING | away)


def test_two_empty_records_are_one_empty_record() -> None:
    assert both({}, {}) == NOTHING
    assert set(NOTHING) == set(FIELDS)


@pytest.mark.parametrize(
    ("field", "mine", "others", "left"),
    [
        ("name", "Ann Lee", "A Lee", "Ann Lee"), ("name", "", "A Lee", "A Lee"),
        ("email", "a@b.au", "c@d.au", "a@b.au"), ("intent", "", "procedure", "procedure"),
        ("owner_id", None, 7, 7), ("owner_id", 3, 7, 3), ("is_high_risk", False, True, True),
        ("is_existing_patient", True, False, True), ("source", "other", "referral", "referral"),
        ("source", "wix", "referral", "wix"), ("source", "wix", "other", "wix"),
        ("recall_due_date", date(2026, 5, 1), date(2026, 4, 1), date(2026, 4, 1)),
        ("recall_due_date", None, date(2026, 4, 1), date(2026, 4, 1)), ("lead_at", LATE, EARLY, EARLY),
        ("last_inbound_at", EARLY, LATE, LATE), ("last_outbound_at", EARLY, None, EARLY),
        ("tags", ["vip", "b"], ["a", "vip"], ["a", "b", "vip"]),
        ("notes", "Likes mornings.", "Has a dog.", "Likes mornings.\n\nHas a dog."),
        ("notes", "", "Has a dog.", "Has a dog."), ("notes", "Has a dog.", "", "Has a dog."),
        ("notes", "Has a dog. Two.", "Has a dog.", "Has a dog. Two."),
    ],
)  # fmt: skip
def test_each_field_follows_its_rule(field: str, mine: Any, others: Any, left: Any) -> None:
    assert both({field: mine}, {field: others})[field] == left


def test_custom_fields_that_differ_stand_beside_each_other() -> None:
    mine = {"shoe": "40", "pet": "dog", "pet_2": "cat"}
    found = both({"custom_fields": mine}, {"custom_fields": {"shoe": "40", "pet": "owl", "car": "red"}})
    assert found["custom_fields"] == {**mine, "pet_3": "owl", "car": "red"}
    assert mine == {"shoe": "40", "pet": "dog", "pet_2": "cat"}


@pytest.mark.parametrize(
    ("mine", "others", "first", "last"),
    [
        ({"at": "2026-02-01T00:00:00+00:00"}, {"at": "2026-01-01T00:00:00+00:00"}, "others", "mine"),
        # The later clock time is the earlier moment.
        ({"at": "2026-01-01T12:00:00+11:00"}, {"at": "2026-01-01T03:00:00+00:00"}, "mine", "others"),
        ({"source": "wix"}, {"at": "2026-01-01T00:00:00+00:00"}, "others", "others"),
        ({"at": "2026-01-01T00:00:00"}, {"at": "2026-01-01T00:00:00+00:00"}, "others", "others"),
        ({"at": "soon", "source": "wix"}, {"source": "sms"}, "mine", "mine"),
        ({}, {"source": "sms"}, "others", "others"),
    ],
)  # fmt: skip
def test_the_earlier_touch_is_the_first_and_the_later_the_last(
    mine: dict[str, str], others: dict[str, str], first: str, last: str
) -> None:
    which = {"mine": mine, "others": others}
    found = both({"first_touch": mine, "last_touch": mine}, {"first_touch": others, "last_touch": others})
    assert (found["first_touch"], found["last_touch"]) == (which[first], which[last])
