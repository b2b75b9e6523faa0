"""What is known of a person whose two records become one.

Pure. The survivor keeps what it has, what is empty is filled from the other, and nothing that either knew is
lost: what cannot stand beside the survivor's own value stays on the other record or under a key of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

#: The survivor's own, else the other's.
FILLED = ("name", "email", "intent", "owner_id", "preferred_channel", "language")
#: True when either says so.
EITHER = ("is_existing_patient", "is_high_risk")
#: The earlier of the two.
EARLIEST = ("recall_due_date", "lead_at")
#: The later of the two.
LATEST = ("last_touchpoint_at", "last_inbound_at", "last_outbound_at")

FIELDS = (
    *FILLED,
    *EITHER,
    *EARLIEST,
    *LATEST,
    "source",
    "tags",
    "notes",
    "custom_fields",
    "first_touch",
    "last_touch",
)
NOT_KNOWN = "other"


def united(keep: Mapping[str, Any], away: Mapping[str, Any]) -> dict[str, Any]:
    """The survivor's values, for every name of `FIELDS`; both arguments hold all of them."""
    values: dict[str, Any] = {name: keep[name] or away[name] for name in FILLED}
    values |= {name: keep[name] or away[name] for name in EITHER}
    values |= {name: _pick(min, keep[name], away[name]) for name in EARLIEST}
    values |= {name: _pick(max, keep[name], away[name]) for name in LATEST}
    values["source"] = away["source"] if keep["source"] == NOT_KNOWN else keep["source"]
    values["tags"] = sorted({*keep["tags"], *away["tags"]})
    values["notes"] = _joined(keep["notes"], away["notes"])
    values["custom_fields"] = _beside(keep["custom_fields"], away["custom_fields"])
    values["first_touch"] = _by_time(min, keep["first_touch"], away["first_touch"])
    values["last_touch"] = _by_time(max, keep["last_touch"], away["last_touch"])
    return values


def _pick(which: Any, mine: Any, others: Any) -> Any:
    known = [value for value in (mine, others) if value is not None]
    return which(known) if known else None


def _joined(mine: str, others: str) -> str:
    """Both notes, the survivor's first; one that repeats the other is not written twice."""
    if not others or others in mine:
        return mine
    return f"{mine}\n\n{others}" if mine else others


def _beside(mine: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    """All custom fields; a value that differs from the survivor's stands under the key with a suffix."""
    values = dict(mine)
    for key, value in others.items():
        if key not in values:
            values[key] = value
        elif values[key] != value:
            values[_free(key, values)] = value
    return values


def _free(key: str, taken: Mapping[str, Any]) -> str:
    number = 2
    while f"{key}_{number}" in taken:
        number += 1
    return f"{key}_{number}"


def _by_time(which: Any, mine: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    """The earlier or later of two touches; one that tells no time gives way to one that does."""
    timed = [(at, touch) for touch in (mine, others) if (at := _moment(touch)) is not None]
    if not timed:
        return dict(mine or others)
    return dict(which(timed, key=lambda pair: pair[0])[1])


def _moment(touch: Mapping[str, Any]) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(touch.get("at", "")))
    except ValueError:
        return None
    return at if at.tzinfo is not None else None
