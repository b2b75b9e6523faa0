"""What import-linter cannot see: foreign keys, habits of code, and who listens to signals."""

from __future__ import annotations

import ast
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.db.models import ForeignKey
from django.db.models.signals import post_delete, post_save, pre_delete, pre_save

CHECKOUT = Path(__file__).resolve().parents[2]
FLOORS = [
    "core",
    "accounts",
    "integrations",
    "contacts",
    "bookings",
    "messaging",
    "tasks",
    "automation",
    "reporting",
]
SIBLINGS = [{"messaging", "tasks"}]


def modules() -> Iterator[tuple[Path, ast.Module]]:
    """Every module of ours but tests, scripts and migrations."""
    for app in [*FLOORS, "avatar_cms"]:
        for path in sorted((CHECKOUT / app).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path.relative_to(CHECKOUT), ast.parse(path.read_text())


def test_foreign_keys_point_down_the_street() -> None:
    wrong = []
    for model in apps.get_models(include_auto_created=True):
        app = model._meta.app_label
        if app not in FLOORS:
            continue
        for field in model._meta.get_fields():
            if not isinstance(field, ForeignKey):
                continue
            target = field.related_model._meta.app_label
            if target not in FLOORS or target == app:
                continue
            if FLOORS.index(target) > FLOORS.index(app) or {app, target} in SIBLINGS:
                wrong.append(f"{model.__name__}.{field.name} -> {target}")
    assert wrong == []


@pytest.mark.parametrize("name", ["Event", "Work", "AuditEntry", "FieldChange"])
def test_the_logs_hold_plain_ids(name: str) -> None:
    fields = apps.get_model("core", name)._meta.get_fields()
    assert [field.name for field in fields if isinstance(field, ForeignKey)] == []


def test_there_are_two_receivers_of_saves_and_both_live_in_core_signals() -> None:
    receivers = set()
    for signal in (post_save, pre_save, post_delete, pre_delete):
        for entry in signal.receivers:
            function = entry[1]() if isinstance(entry[1], weakref.ReferenceType) else entry[1]
            module = getattr(function, "__module__", "")
            if module.partition(".")[0] in [*FLOORS, "avatar_cms"]:
                receivers.add(f"{module}.{function.__qualname__}")
    assert len(receivers) == 2, receivers
    assert all(name.startswith("core.signals.") for name in receivers), receivers


def test_a_locked_row_may_be_pointed_at() -> None:
    """FOR UPDATE would keep every transaction waiting that writes a row with a foreign key to the locked one."""
    locks = [
        (path, call)
        for path, tree in modules()
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "select_for_update"
    ]
    assert len(locks) > 50
    assert [
        f"{path}:{call.lineno}" for path, call in locks if "no_key" not in {k.arg for k in call.keywords}
    ] == []


def test_every_model_of_ours_reaches_a_location_or_says_whose_it_is() -> None:
    silent = [
        model.__name__ for model in apps.get_models()
        if model._meta.app_label in set(FLOORS) - {"core", "accounts"} and not hasattr(model, "access")
    ]  # fmt: skip
    assert silent == []
