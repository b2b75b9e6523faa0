"""Whether the filled rows could be real: pages read them as services would have left them."""

from __future__ import annotations

from collections.abc import Iterator

from django.apps import apps
from django.db import connection

from core import events


class ImplausibleError(AssertionError):
    """The filling wrote what no service writes."""


def check() -> None:
    """Raises ImplausibleError for a value outside its field's choices, and for an event that nobody declares."""
    found = [*_outside_choices(), *_undeclared_events()]
    if found:
        raise ImplausibleError("\n".join(found))


def _outside_choices() -> Iterator[str]:
    for model in apps.get_models():
        if not model._meta.managed or model._meta.proxy:
            continue
        fields = [
            field for field in model._meta.concrete_fields if field.flatchoices and not field.primary_key
        ]
        for field in fields:
            lawful = {value for value, _ in field.flatchoices} | {"", None}
            written = set(model._base_manager.order_by().values_list(field.attname, flat=True).distinct())
            if strange := sorted(map(str, written - lawful)):
                yield f"{model._meta.label}.{field.name} holds {', '.join(strange)}."


def _undeclared_events() -> Iterator[str]:
    declared = {each.name: each.keys for each in events.all_types()}
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT type, key FROM core_event, jsonb_object_keys(data) key")
        for name, key in cursor.fetchall():
            if key not in declared.get(name, frozenset()):
                yield f"Events {name} hold {key}."
