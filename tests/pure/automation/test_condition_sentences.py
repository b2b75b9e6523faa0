from __future__ import annotations

import pytest

from automation.conditions import describe, parse
from tests.pure.automation.fields import FIELDS


@pytest.mark.parametrize(
    ("tree", "sentence"),
    [
        ({}, "always"),
        ({"warmness": 70}, "warmness score is 70"),
        ({"warmness": {"ne": 70}}, "warmness score is known and is not 70"),
        ({"warmness": {"gt": 70}}, "warmness score is more than 70"),
        ({"warmness": {"gte": 70}}, "warmness score is at least 70"),
        ({"warmness": {"lt": 70}}, "warmness score is less than 70"),
        ({"warmness": {"lte": 70.5}}, "warmness score is at most 70.5"),
        ({"warmness": {"between": [40, 69]}}, "warmness score is between 40 and 69"),
        ({"warmness": {"in": [1, 2, 3]}}, "warmness score is 1, 2 or 3"),
        ({"warmness": {"in": [1]}}, "warmness score is 1"),
        ({"warmness": {"not_in": [1, 2]}}, "warmness score is known and is none of 1 or 2"),
        ({"city": "Perth"}, 'city is "Perth"'),
        ({"city": {"contains": "er"}}, 'city contains "er"'),
        ({"city": {"matches": "a|b"}}, 'city matches "a|b"'),
        ({"city": None}, "city is not known"),
        ({"city": {"exists": True}}, "city is known"),
        ({"current_stage": {"in": ["new_lead", "contacted"]}}, "stage is New lead or Contacted"),
        ({"current_stage": {"matches": "new_lead"}}, 'stage matches "new_lead"'),
        ({"is_high_risk": True}, "high risk is yes"),
        ({"is_high_risk": {"ne": False}}, "high risk is known and is not no"),
        ({"stage_age_seconds": {"gte": 14400}}, "time in stage is at least 4 hours"),
        ({"stage_age_seconds": {"gte": 3600}}, "time in stage is at least 1 hour"),
        ({"stage_age_seconds": {"lt": 172800}}, "time in stage is less than 2 days"),
        ({"stage_age_seconds": {"lt": 90}}, "time in stage is less than 90 seconds"),
        ({"stage_age_seconds": {"lt": 120}}, "time in stage is less than 2 minutes"),
        ({"stage_age_seconds": {"lt": 1}}, "time in stage is less than 1 second"),
        ({"stage_age_seconds": {"gt": 0}}, "time in stage is more than 0 seconds"),
        ({"recall_due_date": {"lte": "today"}}, "recall due date is today or earlier"),
        ({"recall_due_date": {"lt": "-90d"}}, "recall due date is before 90 days ago"),
        ({"recall_due_date": {"gt": "2026-11-20"}}, "recall due date is after 2026-11-20"),
        ({"recall_due_date": {"gte": "+1w"}}, "recall due date is in 7 days or later"),
        ({"recall_due_date": "today"}, "recall due date is today"),
        ({"last_seen": {"lt": "-1h"}}, "last seen is before 1 hour ago"),
        ({"last_seen": {"between": ["-2d", "now"]}}, "last seen is between 2 days ago and now"),
        ({"last_seen": {"gte": "+0d"}}, "last seen is +0d or later"),
        ({"tags": {"contains": "vip"}}, 'tags include "vip"'),
        ({"tags": {"in": ["a", "b"]}}, 'tags include "a" or "b"'),
        ({"tags": {"not_in": ["a", "b"]}}, 'tags include none of "a" or "b"'),
        ({"tags": ["a", "b"]}, 'tags are exactly "a" and "b"'),
        ({"tags": {"ne": ["a", "b"]}}, 'tags are not exactly "a" and "b"'),
        ({"tags": []}, "tags are exactly empty"),
        ({"custom.size": "L"}, 'custom size is "L"'),
        ({"city": "A", "source": "B"}, 'city is "A" and source is "B"'),
        ({"any": [{"city": "A"}, {"city": "B"}]}, 'city is "A" or city is "B"'),
        (
            {"city": "A", "any": [{"city": "B"}, {"city": "C", "source": "D"}]},
            'city is "A" and (city is "B" or (city is "C" and source is "D"))',
        ),
        ({"not": {"city": "A", "source": "B"}}, 'not (city is "A" and source is "B")'),
        ({"city": "A", "not": {"source": "B"}}, 'city is "A" and not (source is "B")'),
    ],
)
def test_a_tree_is_said_in_plain_english(tree: object, sentence: str) -> None:
    assert describe(parse(tree, FIELDS)) == sentence
