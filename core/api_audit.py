"""What a request touched, noted by views for the audit row that is written when it ends.

Only public ids and field names go in: never a value.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

#: Longer lists than this are cut; the row then ends with "…" so that nobody takes it for complete.
MOST_IDS = 200


@dataclass
class Touched:
    """Public ids and field names one request read or wrote, and whether personal data was among them."""

    ids: list[str] = field(default_factory=list)
    fields: list[str] = field(default_factory=list)
    personal: bool = False
    user_id: int | None = None
    location_id: int | None = None

    def add(self, rows: Iterable[Any]) -> None:
        for row in rows:
            public_id = getattr(row, "public_id", None)
            if public_id is None or str(public_id) in self.ids:
                continue
            if len(self.ids) >= MOST_IDS:
                self.ids[MOST_IDS:] = ["…"]
                return
            self.ids.append(str(public_id))
            self.location_id = self.location_id or getattr(row, "location_id", None)


def touched(request: Any) -> Touched:
    """The note of this request, made on first use; a DRF request shares it with the Django request inside."""
    inner = getattr(request, "_request", request)
    note: Touched | None = getattr(inner, "touched", None)
    if note is None:
        note = inner.touched = Touched()
    return note


def note(
    request: Any,
    rows: Iterable[Any] = (),
    *,
    fields: Iterable[str] = (),
    personal: bool = False,
) -> None:
    """Remember that this request read or wrote these rows and fields."""
    record = touched(request)
    record.add(rows)
    record.fields.extend(name for name in fields if name not in record.fields)
    record.personal = record.personal or personal
