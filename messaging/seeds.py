"""What a clinic starts with."""

from __future__ import annotations

from accounts import new_clinic
from accounts.models import Location
from messaging import wordings


def add_templates(location: Location) -> None:
    """Give a location the templates it lacks. Changes nothing that is there."""
    wordings.add_missing(location.pk)


def seed(*, demo: bool) -> None:
    """Give every location its templates."""
    for location in Location.objects.order_by("pk"):
        add_templates(location)


def connect() -> None:
    """Called from AppConfig.ready()."""
    new_clinic.parts.register("messaging.templates", add_templates)
