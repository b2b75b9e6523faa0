from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError, connection, transaction

from core import claims, clock, work
from core.errors import Conflict
from core.models import Heartbeat, Work
from core.registry import Registry

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
Runs = list[list[str]]


class Desk:
    """Handlers of this test's own, which note what they were given."""

    def __init__(self) -> None:
        self.runs: Runs = []
        self.poison: set[str] = set()
        self.error: type[Exception] = ValueError

    def handle(self, items: list[Work]) -> None:
        names = [item.args["name"] for item in items]
        Heartbeat.objects.bulk_create(
            [Heartbeat(name=f"{name}-{len(self.runs)}", at=clock.now()) for name in names],
            ignore_conflicts=True,
        )
        for name in names:
            if name in self.poison:
                raise self.error(f"{name} is poisoned for +61412345678")
        self.runs.append(names)

    @property
    def done(self) -> list[str]:
        return [name for run in self.runs for name in run]


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(work, "_handlers", Registry("work handler"))
    desk = Desk()
    work.handler("single")(desk.handle)
    work.handler("batch", batch=100)(desk.handle)
    return desk


def put(handler: str, name: str, subject: str = "", due: datetime = START, **fields: object) -> None:
    work.enqueue(
        handler,
        location_id=1,
        subject=subject,
        due_at=due,
        args={"name": name},
        **fields,
    )


def state(name: str) -> str:
    return Work.objects.get(args__name=name).state


@pytest.mark.django_db
def test_due_work_runs_once_and_later_work_waits(desk: Desk) -> None:
    with clock.frozen(START) as at:
        put("single", "now")
        put("single", "later", due=START + timedelta(hours=1))
        assert work.drain() == 1
        assert work.drain() == 0
        at.advance(timedelta(hours=1))
        assert work.drain() == 1
    assert desk.done == ["now", "later"]


@pytest.mark.django_db
def test_work_past_its_meaning_expires_unrun(desk: Desk) -> None:
    with clock.frozen(START + timedelta(hours=2)):
        put("single", "stale", expires_at=START + timedelta(hours=1))
        work.drain()
    assert (desk.done, state("stale")) == ([], "expired")


@pytest.mark.django_db
def test_a_dedupe_key_enqueues_once(desk: Desk) -> None:
    put("single", "a", dedupe_key="k")
    put("single", "b", dedupe_key="k")
    assert [item.args["name"] for item in Work.objects.all()] == ["a"]


@pytest.mark.django_db
def test_a_batch_takes_the_followers_of_its_heads_in_order(desk: Desk) -> None:
    with clock.frozen(START):
        for n in range(5):
            put("batch", f"a{n}", subject="contact:1")
            put("batch", f"b{n}", subject="contact:2")
        work.drain()
    assert len(desk.runs) == 1
    assert [n for n in desk.done if n[0] == "a"] == [f"a{n}" for n in range(5)]
    assert [n for n in desk.done if n[0] == "b"] == [f"b{n}" for n in range(5)]


@pytest.mark.django_db
def test_a_failing_item_keeps_its_place_and_only_its_followers_wait(desk: Desk) -> None:
    desk.poison = {"a1"}
    with clock.frozen(START) as at:
        for name, subject in (("a0", "a"), ("a1", "a"), ("a2", "a"), ("b0", "b")):
            put("batch", name, subject=subject)
        work.drain()
        assert sorted(desk.done) == ["a0", "b0"]
        assert [state(n) for n in ("a1", "a2")] == ["pending", "pending"]
        desk.poison = set()
        at.advance(timedelta(seconds=5))
        work.drain()
    assert desk.done[-2:] == ["a1", "a2"]


@pytest.mark.django_db
def test_a_failed_attempt_leaves_nothing_behind(desk: Desk) -> None:
    desk.poison = {"a"}
    with clock.frozen(START):
        put("single", "a")
        work.drain()
    assert not Heartbeat.objects.filter(name__startswith="a-").exists()


@pytest.mark.django_db
def test_poison_is_parked_after_five_tries_without_quoting_people_and_can_be_retried(
    desk: Desk,
) -> None:
    desk.poison = {"a"}
    with clock.frozen(START) as at:
        put("single", "a", subject="s")
        put("single", "b", subject="s")
        for _ in range(claims.MAX_TRIES):
            work.drain()
            at.advance(timedelta(hours=1))
        item = Work.objects.get(args__name="a")
        assert (item.state, item.attempts) == ("parked", 5)
        assert item.last_error.startswith("ValueError at ")
        assert "0412" not in item.last_error
        assert "61412345678" not in item.last_error
        work.drain()
        assert desk.done == ["b"]
        desk.poison = set()
        work.retry(item.pk)
        work.drain()
    assert desk.done == ["b", "a"]
    with pytest.raises(Conflict, match="not parked"):
        work.retry(item.pk)


@pytest.mark.django_db
def test_a_handler_may_park_at_once_and_says_why(desk: Desk) -> None:
    desk.poison, desk.error = {"a"}, work.Park
    put("single", "a", due=clock.now())
    work.drain()
    item = Work.objects.get()
    assert (item.state, item.attempts) == ("parked", 1)
    assert "poisoned" in item.last_error


@pytest.mark.django_db
def test_a_database_conflict_tries_the_whole_batch_again(desk: Desk) -> None:
    desk.poison, desk.error = {"b"}, OperationalError
    with clock.frozen(START) as at:
        put("batch", "a")
        put("batch", "b")
        work.drain()
        assert desk.done == []
        desk.poison = set()
        at.advance(timedelta(seconds=5))
        work.drain()
    assert sorted(desk.done) == ["a", "b"]


@pytest.mark.django_db
def test_a_worker_that_lost_its_lease_leaves_no_effect(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with clock.frozen(START) as at:
        put("single", "a")
        first = work.claim()
        at.advance(claims.LEASE + timedelta(seconds=1))
        second = work.claim()
        assert [item.fence for item in first + second] == [1, 2]
        work._run(work._handlers.get("single"), first)
        assert not Heartbeat.objects.filter(name__startswith="a-").exists()
        work._run(work._handlers.get("single"), second)
    assert state("a") == "done"
    assert Heartbeat.objects.filter(name__startswith="a-").count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.slow
def test_rival_workers_share_the_work_and_keep_each_subject_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(work, "_handlers", Registry("work handler"))
    seen: dict[str, list[int]] = {}
    lock = threading.Lock()

    def note(items: list[Work]) -> None:
        with lock:
            for item in items:
                seen.setdefault(item.subject, []).append(item.args["n"])

    work.handler("note", batch=10)(note)
    with transaction.atomic():
        work.enqueue_many(
            [
                work.NewWork(
                    handler="note",
                    location_id=1,
                    subject=f"s{n % 7}",
                    due_at=START,
                    args={"n": n},
                )
                for n in range(210)
            ]
        )

    def worker() -> None:
        try:
            while work.drain(max_items=13):
                pass
        finally:
            connection.close()

    run_in_threads(worker, 4)
    while work.drain():
        pass
    assert Work.objects.filter(state="done").count() == 210
    assert all(numbers == sorted(numbers) for numbers in seen.values())
    assert sum(len(numbers) for numbers in seen.values()) == 210


def run_in_threads(function: Callable[[], None], count: int) -> None:
    threads = [threading.Thread(target=function) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)


@pytest.mark.django_db
def test_behind_a_failed_item_its_followers_wait_in_later_batches_too(desk: Desk) -> None:
    subjects = [f"contact:{number}" for number in range(60)]
    with clock.frozen(START) as at:
        for subject in subjects:
            put("batch", f"{subject} first", subject=subject)
        for subject in subjects:
            put("batch", f"{subject} second", subject=subject, due=START + timedelta(seconds=1))
        at.advance(timedelta(seconds=1))
        desk.poison = {"contact:59 first"}
        work.drain()
        assert state("contact:59 second") == "pending"
        assert Work.objects.get(args__name="contact:59 second").attempts == 0
        assert Work.objects.filter(state="done").count() == 118
        desk.poison = set()
        at.advance(work.FIRST_RETRY)
        work.drain()
    assert desk.done[-2:] == ["contact:59 first", "contact:59 second"]


@pytest.mark.django_db
def test_work_that_ends_its_worker_again_and_again_is_parked_and_what_was_claimed_with_it_runs(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    class WorkerEnded(BaseException):
        """As when the process is killed: nothing after it runs."""

    def deadly(items: list[Work]) -> None:
        if any(item.args["name"] == "deadly" for item in items):
            raise WorkerEnded
        desk.handle(items)

    work.handler("deadly", batch=100)(deadly)
    with clock.frozen(START) as at:
        put("deadly", "deadly")
        put("deadly", "innocent", due=START + timedelta(seconds=1))
        at.advance(timedelta(seconds=1))
        for _ in range(claims.MAX_TRIES):
            with pytest.raises(WorkerEnded):
                work.drain()
            at.advance(claims.LEASE + timedelta(seconds=1))
        work.drain()
    parked = Work.objects.get(args__name="deadly")
    assert (parked.state, parked.last_error) == ("parked", claims.WORKER_ENDED)
    assert desk.done == ["innocent"]


@pytest.mark.django_db
def test_what_dying_workers_had_claimed_and_not_begun_is_not_taken_for_deadly(desk: Desk) -> None:
    with clock.frozen(START) as at:
        put("single", "begun once")
        put("single", "never begun")
        work.claim()
        at.advance(claims.LEASE + timedelta(seconds=1))
        begun = next(item for item in work.claim() if item.args["name"] == "begun once")
        claims.foretell(begun)
        for _ in range(3 * claims.MAX_TRIES):
            at.advance(2 * claims.LEASE)
            assert len(work.claim()) == 2
        at.advance(2 * claims.LEASE)
        work.drain()
    assert set(desk.done) == {"begun once", "never begun"}
    assert set(Work.objects.values_list("state", "last_error")) == {("done", "")}
