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
JOBS_MAY_BE_PUBLISHED_IN = {Path("core/doorbell.py"), Path("avatar_cms/celery.py")}
CLOCK_MAY_BE_READ_IN = {Path("core/clock.py")}


def modules() -> Iterator[tuple[Path, ast.Module]]:
    """Every module of ours but tests, scripts and migrations."""
    for app in [*FLOORS, "avatar_cms"]:
        for path in sorted((CHECKOUT / app).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path.relative_to(CHECKOUT), ast.parse(path.read_text())


def calls() -> Iterator[tuple[Path, ast.Call, str]]:
    """Every call of an attribute: where, the call, the attribute's name."""
    for path, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                yield path, node, node.func.attr


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


def test_jobs_are_published_by_the_doorbell_alone() -> None:
    published = {path for path, _call, name in calls() if name in {"delay", "apply_async", "send_task"}}
    assert published - JOBS_MAY_BE_PUBLISHED_IN == set()


def test_nothing_is_left_to_the_broker_for_later() -> None:
    later = [
        f"{path}:{call.lineno}" for path, call, _name in calls()
        if {keyword.arg for keyword in call.keywords} & {"eta", "countdown"}
    ]  # fmt: skip
    assert later == []


def test_time_is_asked_of_the_one_clock() -> None:
    wrong = []
    for path, call, name in calls():
        owner = call.func.value if isinstance(call.func, ast.Attribute) else None
        of = (
            owner.attr
            if isinstance(owner, ast.Attribute)
            else owner.id
            if isinstance(owner, ast.Name)
            else ""
        )
        asked = (of, name) in {
            ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"), ("time", "time"),
            ("timezone", "now"), ("timezone", "localdate"),
            ("datetime", "utcfromtimestamp"),
        }  # fmt: skip
        naive = (of, name) == ("datetime", "fromtimestamp") and len(call.args) + len(call.keywords) < 2
        if (asked or naive) and path not in CLOCK_MAY_BE_READ_IN:
            wrong.append(f"{path}:{call.lineno} {of}.{name}()")
    assert wrong == []


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


def test_every_model_of_ours_reaches_a_location_or_says_whose_it_is() -> None:
    silent = [
        model.__name__ for model in apps.get_models()
        if model._meta.app_label in set(FLOORS) - {"core", "accounts"} and not hasattr(model, "access")
    ]  # fmt: skip
    assert silent == []
