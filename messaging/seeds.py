"""What a clinic starts with."""

from __future__ import annotations

from accounts.models import Location
from messaging import wordings


def seed(*, demo: bool) -> None:
    """Give every location the templates it lacks. Changes nothing that is there."""
    for location_id in Location.objects.values_list("pk", flat=True):
        wordings.add_missing(location_id)
