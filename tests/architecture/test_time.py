"""Time is asked of one clock, wall-clock times become instants in one way, and nothing is left to the broker for
later. Ruff's DTZ rules see naive datetimes; what they cannot see is looked for here, in every module of ours.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.architecture.test_street import modules

# Public ids carry real time, whatever the clock of the system shows.
CLOCK = {Path("core/clock.py"), Path("core/ids.py")}
# Beside the one way: what is only shown, in a page and in a form's field.
WALL_CLOCKS = {
    Path("core/localtime.py"),
    Path("contacts/templatetags/contacts_tags.py"),
    Path("bookings/admin_forms.py"),
    Path("bookings/calendar_walls.py"),
}
DOORBELL = {Path("core/doorbell.py"), Path("avatar_cms/celery.py")}

ASKED = {
    ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("datetime", "utcfromtimestamp"),
    ("date", "today"), ("date", "fromtimestamp"), ("time", "time"), ("time", "time_ns"), ("time", "localtime"),
    ("timezone", "now"), ("timezone", "localdate"), ("timezone", "localtime"), ("functions", "Now"),
}  # fmt: skip
PUBLISHED = {"delay", "apply_async", "send_task"}
LATER = {
    "eta", "countdown", "default_retry_delay", "retry_backoff", "autoretry_for",
}  # fmt: skip
SCHEDULES = {"crontab", "solar", "schedule"}

Finder = Callable[[ast.Module], Iterator[ast.AST]]


def owner_and_name(call: ast.Call) -> tuple[str, str]:
    """`datetime` and `now` of `x.datetime.now()`; an empty owner for a bare name."""
    function = call.func
    if isinstance(function, ast.Name):
        return "", function.id
    if not isinstance(function, ast.Attribute):
        return "", ""
    owner = function.value
    return (
        owner.attr if isinstance(owner, ast.Attribute) else owner.id if isinstance(owner, ast.Name) else "",
        function.attr,
    )


def calls(tree: ast.Module) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def asks_the_time(tree: ast.Module) -> Iterator[ast.AST]:
    """Another clock than core.clock, a naive moment made from a number, or a name under which one could hide."""
    for call in calls(tree):
        found = owner_and_name(call)
        naive = found == ("datetime", "fromtimestamp") and len(call.args) + len(call.keywords) < 2
        if found in ASKED or naive:
            yield call
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (
                node
                for name in node.names
                if name.name == "datetime" or (name.name == "time" and name.asname)
            )
        if isinstance(node, ast.ImportFrom) and node.module in ("datetime", "time", "django.utils.timezone"):
            hidden = {"time"} if node.module == "time" else {"now"} if "django" in node.module else set()
            yield from (node for name in node.names if name.name in hidden or name.asname)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("django.db.models"):
            yield from (node for name in node.names if name.name == "Now")


def reads_a_wall_clock(tree: ast.Module) -> Iterator[ast.AST]:
    """A local date and time without its zone that is not handed to localtime at once, a zone taken off or put on,
    and hours or days counted on a local time: the clock may be changed in between.
    """
    handed_on = {
        id(part) for call in calls(tree) if owner_and_name(call)[1] == "to_utc" for part in call.args
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            combined = owner_and_name(node) == ("datetime", "combine")
            zoned = len(node.args) > 2 or any(keyword.arg == "tzinfo" for keyword in node.keywords)
            if combined and not zoned and id(node) not in handed_on:
                yield node
            swapped = owner_and_name(node)[1] == "replace" and any(k.arg == "tzinfo" for k in node.keywords)
            if swapped and not _only_if_missing(node):
                yield node
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub) and _is_local(node.left):
            yield node


def _only_if_missing(call: ast.Call) -> bool:
    """`at.replace(tzinfo=at.tzinfo or UTC)` gives a zone to what has none, and takes none away."""
    value = next(keyword.value for keyword in call.keywords if keyword.arg == "tzinfo")
    names_utc = isinstance(value, ast.Name) and value.id == "UTC"
    return names_utc or isinstance(value, ast.BoolOp)


def _is_local(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name = owner_and_name(node)[1]
    in_utc = bool(node.args) and isinstance(node.args[0], ast.Name) and node.args[0].id == "UTC"
    return name in ("local", "localtime") or (name == "astimezone" and not in_utc)


def publishes_a_job(tree: ast.Module) -> Iterator[ast.AST]:
    for call in calls(tree):
        found = owner_and_name(call)
        if found[1] in PUBLISHED or found == ("self", "retry"):
            yield call


def leaves_it_to_the_broker(tree: ast.Module) -> Iterator[ast.AST]:
    """A time given to Celery, as an argument or in a dictionary of options; a schedule by the wall clock."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if LATER & {keyword.arg for keyword in node.keywords} or owner_and_name(node) in {
                ("", name) for name in SCHEDULES
            }:
                yield node
        elif isinstance(node, ast.Dict):
            keys = {key.value for key in node.keys if isinstance(key, ast.Constant)}
            if {"eta", "countdown"} & keys:
                yield node


RULES: dict[str, tuple[Finder, set[Path]]] = {
    "clock": (asks_the_time, CLOCK),
    "wall clock": (reads_a_wall_clock, WALL_CLOCKS),
    "jobs": (publishes_a_job, DOORBELL),
    "later": (leaves_it_to_the_broker, set()),
}


@pytest.mark.parametrize("rule", RULES)
def test_nobody_breaks_it(rule: str) -> None:
    find, allowed = RULES[rule]
    wrong = {
        f"{path}:{getattr(node, 'lineno', 0)} {ast.unparse(node)[:90]}"
        for path, tree in modules()
        if path not in allowed
        for node in find(tree)
    }
    assert wrong == set()


@pytest.mark.parametrize("rule", [rule for rule, (_, allowed) in RULES.items() if allowed])
def test_whoever_may_do_it_does(rule: str) -> None:
    find, allowed = RULES[rule]
    needless = {path for path, tree in modules() if path in allowed and not any(find(tree))}
    assert needless == set()


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("clock", "datetime.now()"),
        ("clock", "datetime.now(UTC)"),
        ("clock", "dt.datetime.utcnow()"),
        ("clock", "date.today()"),
        ("clock", "datetime.date.today()"),
        ("clock", "timezone.now()"),
        ("clock", "time.time()"),
        ("clock", "datetime.fromtimestamp(stamp)"),
        ("clock", "from datetime import datetime as moment"),
        ("clock", "import datetime"),
        ("clock", "from time import time"),
        ("clock", "from django.utils.timezone import now"),
        ("clock", "from django.db.models.functions import Now"),
        ("wall clock", "at = datetime.combine(day, nine)"),
        ("wall clock", "at = moment.replace(tzinfo=None)"),
        ("wall clock", "at = moment.replace(tzinfo=zone)"),
        ("wall clock", "due = location.local(now) + timedelta(days=1)"),
        ("wall clock", "due = now.astimezone(zone) - timedelta(hours=2)"),
        ("jobs", "drain.delay()"),
        ("jobs", "drain.apply_async()"),
        ("jobs", "app.send_task('core.drain')"),
        ("jobs", "self.retry()"),
        ("later", "doorbell.ring(eta=at)"),
        ("later", "ring(countdown=5)"),
        ("later", "options = {'countdown': 5}"),
        ("later", "every = crontab(hour=9)"),
        ("later", "app.task(autoretry_for=(OSError,))"),
    ],
)
def test_it_would_be_seen(rule: str, code: str) -> None:
    find, _ = RULES[rule]
    assert list(find(ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    [
        "clock.now()",
        "datetime.fromtimestamp(stamp, tz=UTC)",
        "to_utc(datetime.combine(day, nine), zone)",
        "datetime.combine(day, nine, tzinfo=zone)",
        "now.astimezone(UTC) - timedelta(hours=2)",
        "location.local(now).date() + timedelta(days=1)",
        "at.replace(tzinfo=at.tzinfo or UTC)",
        "from time import monotonic",
        "work.enqueue(due_at=at)",
    ],
)
def test_what_is_right_is_left_alone(code: str) -> None:
    tree = ast.parse(code)
    assert [rule for rule, (find, _) in RULES.items() if list(find(tree))] == []
