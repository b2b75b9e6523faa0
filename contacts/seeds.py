"""What every location needs to begin with. Only what is absent is added: staff's own values stay."""

from __future__ import annotations

from accounts import new_clinic
from accounts.models import Location
from contacts import scoring
from contacts.models import ScoringTable


def add_weights(location: Location) -> None:
    """Add the default weights of the warmness score that a location lacks."""
    ScoringTable.objects.bulk_create(
        [
            ScoringTable(location=location, kind=kind, key=key, points=points)
            for kind, key, points in scoring.DEFAULT_WEIGHTS.as_rows()
        ],
        ignore_conflicts=True,
    )


def seed(*, demo: bool) -> None:
    """Give every location its weights."""
    for location in Location.objects.order_by("pk"):
        add_weights(location)


def connect() -> None:
    """Called from AppConfig.ready()."""
    new_clinic.parts.register("contacts.weights", add_weights)
