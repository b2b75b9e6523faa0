"""Settings of a clinic that belong to one app: each app says what they are, the clinic's page shows them as fields.

    location_settings.register(Setting("care_limit", "Messages", lambda: forms.IntegerField(label=…)))

They are kept under `key` in `Location.settings`; an empty one is absent, and the app's own default counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django import forms

from core.registry import Registry


@dataclass(frozen=True, slots=True)
class Setting:
    """One value: its key, the part of the page it stands in, and how to make its form field."""

    key: str
    section: str
    field: Callable[[], forms.Field]


settings: Registry[Setting] = Registry("setting of a clinic")


def register(setting: Setting) -> None:
    """Show a setting on the clinic's page."""
    settings.register(setting.key, setting)


def in_section(section: str) -> list[Setting]:
    """The settings of one part of the page, in the order in which they were registered."""
    return [setting for _, setting in settings.items() if setting.section == section]
