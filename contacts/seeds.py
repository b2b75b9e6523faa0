"""What every location needs to begin with. Only what is absent is added: staff's own values stay."""

from __future__ import annotations

from accounts.models import Location
from contacts import scoring
from contacts.models import ScoringTable


def seed(*, demo: bool) -> None:
    """Add the default weights of the warmness score where a location has none."""
    ScoringTable.objects.bulk_create(
        [
            ScoringTable(location=location, kind=kind, key=key, points=points)
            for location in Location.objects.all()
            for kind, key, points in scoring.DEFAULT_WEIGHTS.as_rows()
        ],
        ignore_conflicts=True,
    )
