"""What a clinic begins with: apps say what they give to a new location, and to one that lacks it.

    new_clinic.parts.register("messaging.templates", add_templates)      # add_templates(location)

A part adds what is absent and never changes what is there, so `manage.py seed` calls the same parts for the
clinics that exist. They are called in the order of the apps, lower floors first.
"""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction

from accounts.models import Location
from core.registry import Registry

Part = Callable[[Location], None]

parts: Registry[Part] = Registry("part of a new clinic")


@transaction.atomic
def complete(location: Location) -> None:
    """Give a location everything it lacks of what a clinic begins with."""
    for _, add in parts.items():
        add(location)
