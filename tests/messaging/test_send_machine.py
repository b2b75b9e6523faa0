"""The send path played against a model, in every order Hypothesis can think of.

Two workers, stopped at each crash point and killed there; texts planned, visits moved and cancelled, STOP and
START, receipts in any order, leases that run out, look-ups, people who decide, two contacts that become one, and the
kill switch. The long tier plays the same 2,000 examples each time, the slow one the first of them; EXAMPLES=10000
plays so many others.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from accounts import sending_stops
from automation import seeds
from bookings import services as booking_services
from contacts.merging import merge_contacts
from core import clock, work
from core.causes import Cause
from core.errors import Conflict
from core.models import Work
from integrations import gateways
from integrations.models import Receipt
from integrations.ports import DeliveryReceipt
from messaging import inbound, sending, settling
from messaging.models import Message
from messaging.services import (
    CancelMessages,
    NewMessage,
    cancel_message,
    cancel_pending_messages,
    queue_messages,
    resolve,
)
from tasks.models import Task
from tests.factories.bookings import make_booking
from tests.factories.contacts import make_contact
from tests.messaging import send_model
from tests.messaging.conftest import NOW, RULE, make_account, make_sydney
from tests.messaging.send_model import History, Model, Provider, Worker

SEARCH = "EXAMPLES" in os.environ
EXAMPLES = int(os.environ.get("EXAMPLES", "2000"))
PARTS = 4
DESK = Cause.user(1)
TEST = Cause.system("test")
some = st.integers(min_value=0, max_value=7)


class SendMachine(RuleBasedStateMachine):
    """One example: everything it writes is taken back at its end."""

    world: ClassVar[SimpleNamespace]

    def __init__(self) -> None:
        super().__init__()
        self._example = transaction.atomic()
        self._example.__enter__()
        self._stopped_clock = clock.frozen(NOW)
        self.time = self._stopped_clock.__enter__()
        world = self.world
        self.provider = world.provider = Provider(batch=world.batch)
        self.provider.before_taking = self._before_taking
        self.model = Model(
            opted_out={person.phone: History(False) for person in world.people},
            visits={visit.pk: History(visit.appointment_datetime) for visit in world.visits},
        )
        self.workers: list[Worker | None] = [None, None]
        self.people = list(world.people)
        self.early: list[tuple[DeliveryReceipt, Receipt]] = []
        self.made = 0

    # What can happen

    @rule(who=some, what=st.sampled_from(["words", "words", "visit"]))
    def plan(self, who: int, what: str) -> None:
        self.made += 1
        key = f"made-{self.made}"
        if what == "words":
            person = self.people[who % len(self.people)]
            wish = NewMessage(person.pk, key, RULE, body=f"Your results are here, number {self.made}.")
        else:
            visit = self.world.visits[who % 2]
            wish = NewMessage(
                visit.contact_id if visit.contact_id in {p.pk for p in self.people} else self.people[0].pk,
                key, RULE, template="booking_confirmation", booking_id=visit.pk, expires_at=NOW + timedelta(days=4),
            )  # fmt: skip
        queue_messages([wish])

    @rule(which=some, hours=st.integers(min_value=1, max_value=3))
    def move_visit(self, which: int, hours: int) -> None:
        visit = self.world.visits[which % 2]
        at = self.model.visits[visit.pk]
        if at.now is None:
            return
        to = NOW + timedelta(days=5, hours=hours)
        booking_services.reschedule_booking(booking_id=visit.pk, appointment_datetime=to, cause=TEST)
        at.set(self.model.step, to)

    @rule(which=some, withdraw=st.booleans())
    def cancel_visit(self, which: int, withdraw: bool) -> None:
        visit = self.world.visits[which % 2]
        if self.model.visits[visit.pk].now is None:
            return
        booking_services.cancel_booking(booking_id=visit.pk, cause=TEST)
        if withdraw:
            cancel_pending_messages([CancelMessages(visit.pk, "booking_cancelled", TEST)])
        self.model.visits[visit.pk].set(self.model.step, None)

    @rule(which=some)
    def withdraw(self, which: int) -> None:
        row = self._row(which)
        try:
            cancel_message(message_id=row.pk, cause=DESK)
        except Conflict:
            return
        self.model.withdrawn[row.reference] = self.model.step

    @rule(who=some, word=st.sampled_from(["STOP", "STOP", "START"]))
    def text(self, who: int, word: str) -> None:
        numbers = list(self.model.opted_out)
        number = numbers[who % len(numbers)]
        self.made += 1
        with transaction.atomic():
            inbound.receive_inbound(
                account=self.world.account, from_=number, to="", body=word, at=None, external_id=f"in-{self.made}",
                key=f"in-{self.made}", cause=Cause.provider(self.world.account.pk),
            )  # fmt: skip
        self.model.opted_out[number].set(self.model.step, word == "STOP")

    @rule(which=st.integers(0, 1), steps=st.integers(1, 4))
    def work(self, which: int, steps: int) -> None:
        worker = self.workers[which]
        if worker is None or worker.done:
            worker = self.workers[which] = Worker(self._begun)
        for _ in range(steps):
            worker.step()
            if worker.done:
                break

    @precondition(lambda self: any(worker and not worker.done for worker in self.workers))
    @rule(which=st.integers(0, 1), inside=st.booleans())
    def kill(self, which: int, inside: bool) -> None:
        worker = self.workers[which]
        if worker is not None and not worker.done:
            worker.kill(inside=inside)

    @rule(how=st.sampled_from(["answer_lost", "connection_lost", "never_arrived", "refused", "busy"]))
    def next_answer(self, how: str) -> None:
        self.provider.answers.append(how)

    @precondition(lambda self: self.provider.journal)
    @rule(which=some, status=st.sampled_from(["sent", "delivered", "failed"]))
    def receipt(self, which: int, status: Any) -> None:
        reference = self.provider.journal[which % len(self.provider.journal)]
        told = DeliveryReceipt(self.provider.id_of(reference), status)
        self._tell(told, Receipt(created_at=clock.now()))

    @rule(seconds=st.sampled_from([20, 61, 100, 400, 1000]))
    def time_passes(self, seconds: int) -> None:
        self.time.advance(timedelta(seconds=seconds))

    @rule(can_tell=st.booleans())
    def settle(self, can_tell: bool) -> None:
        self.provider.can_tell = can_tell
        settling.recover_leases()
        settling.ask_about_unknown()
        early, self.early = self.early, []
        for told, stored in early:
            self._tell(told, stored)

    @rule(which=some, was_sent=st.booleans())
    def somebody_decides(self, which: int, was_sent: bool) -> None:
        open_ = [row for row in self._rows() if row.status in ("unknown", "parked")]
        if not open_:
            return
        row = open_[which % len(open_)]
        resolve(message_id=row.pk, was_sent=was_sent, cause=DESK)
        if was_sent:
            self.model.vouched.add(row.reference)
        else:
            self.model.chosen[row.reference] += 1
            self.model.denied[row.reference] = self.provider.journal.count(row.reference)

    @precondition(lambda self: len(self.people) > 1)
    @rule()
    def merge(self) -> None:
        keep, away = self.people
        merge_contacts(keep_id=keep.pk, away_id=away.pk, cause=DESK)
        self.people.remove(away)
        if self.model.opted_out[away.phone].now:
            self.model.opted_out[keep.phone].set(self.model.step, True)

    @rule()
    def rules_run(self) -> None:
        """What happened until now reaches the rules and the goals of tasks."""
        work.drain()

    @rule()
    def kill_switch(self) -> None:
        self._stop(not self.model.stopped.now)

    # What must hold

    @invariant()
    def rows_and_journal_agree(self) -> None:
        self.model.check_rows(self._rows(), self.provider.journal)
        self.model.step += 1

    def teardown(self) -> None:
        try:
            self._come_to_rest()
        finally:
            for worker in self.workers:
                if worker is not None and not worker.done:
                    worker.kill()
            self._stopped_clock.__exit__(None, None, None)
            transaction.set_rollback(True)
            self._example.__exit__(None, None, None)

    def _come_to_rest(self) -> None:
        """Workers end, time passes, the provider answers; then nothing may be open but what a person was shown."""
        for worker in self.workers:
            if worker is not None:
                worker.finish()
        self.provider.answers.clear()
        self._stop(False)
        for _ in range(4):
            self.time.advance(timedelta(minutes=16))
            settling.recover_leases()
            settling.ask_about_unknown()
            settling.reconsider_held()
            self._finish_sending()
            if not any(self._may_move(row) for row in self._rows()):
                break
        rows = self._rows()
        self.model.check_rows(rows, self.provider.journal)
        tasks: set[int] = set()
        if any(row.status == "unknown" for row in rows):
            work.drain()
            asked = Task.objects.filter(type="delivery_problem", status__in=Task.OPEN)
            tasks = set(asked.values_list("contact_id", flat=True))
        self.model.check_end(rows, self.provider.journal, tasks)

    def _may_move(self, row: SimpleNamespace) -> bool:
        """Whether time alone, and what goes on in it, may change it."""
        if row.status in ("scheduled", "queued"):
            return bool(row.send_at <= clock.now())
        return row.status in ("claimed", "sending", "unknown", "held")

    def _finish_sending(self) -> None:
        worker = Worker(self._begun)
        try:
            worker.finish()
        finally:
            if not worker.done:
                worker.kill()

    # Helpers

    def _stop(self, stopped: bool) -> None:
        if stopped:
            sending_stops.stop(kind="kill_switch", reason="played", cause=DESK)
        else:
            sending_stops.resume(kind="kill_switch", cause=DESK)
        self.model.stopped.set(self.model.step, stopped)

    def _begun(self, worker: Worker) -> None:
        worker.begun_step = self.model.step

    def _before_taking(self, sms: Any) -> None:
        message = Message.objects.select_related("template").get(public_id=sms.reference)
        worker = send_model.worker_here()
        assert worker is not None
        self.model.check_call(sms, message, worker.begun_step)

    def _tell(self, told: DeliveryReceipt, stored: Receipt) -> None:
        try:
            with transaction.atomic():
                inbound.apply_receipt(
                    told,
                    account=self.world.account,
                    receipt=stored,
                    cause=Cause.provider(self.world.account.pk),
                )
        except inbound.NotYet:
            self.early.append((told, stored))
        except inbound.deliveries.Ignored:
            pass

    def _rows(self) -> list[SimpleNamespace]:
        wanted = ("pk", "public_id", "status", "reason", "provider_message_id", "contact_id", "send_at")
        rows = Message.objects.filter(direction="outbound").order_by("pk").values(*wanted)
        return [SimpleNamespace(**row, reference=str(row["public_id"])) for row in rows]

    def _row(self, which: int) -> SimpleNamespace:
        rows = self._rows()
        return rows[which % len(rows)]


@pytest.fixture
def machine(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[SendMachine]]:
    """A clinic with two people who have a visit each, and two texts in line."""
    monkeypatch.setattr(sending, "crashpoint", send_model.arrive)
    with clock.frozen(NOW):
        location = make_sydney()
        account = make_account(location)
        seeds.seed(demo=False)
        people = [make_contact(location, name=name) for name in ("Anna Smith", "Ben Lee")]
        visits = [make_booking(person, at=NOW + timedelta(days=5)) for person in people]
        queue_messages(
            [
                NewMessage(people[0].pk, "first", RULE, body="Your results are here."),
                NewMessage(people[1].pk, "second", RULE, template="booking_confirmation", booking_id=visits[1].pk,
                           expires_at=NOW + timedelta(days=4)),
            ]
        )  # fmt: skip
        Work.objects.all().delete()
    world = SimpleNamespace(
        location=location, account=account, people=people, visits=visits, provider=Provider(), batch=1
    )
    monkeypatch.setattr(gateways, "for_account", lambda account: world.provider)
    connection.inc_thread_sharing()
    yield type("Played", (SendMachine,), {"world": world})
    connection.dec_thread_sharing()


def play(machine: type[SendMachine], examples: int, *, batch: int, part: int = 0) -> None:
    machine.world.batch = batch
    run_state_machine_as_test(
        machine if SEARCH else seed(part)(machine),
        settings=settings(
            max_examples=examples, stateful_step_count=12, deadline=None, database=None, print_blob=True,
            report_multiple_bugs=False, derandomize=False,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


def test_nothing_is_lost_doubled_or_sent_against_a_wish(machine: type[SendMachine]) -> None:
    play(machine, 30, batch=1)


def test_a_stop_after_a_person_called_an_accepted_text_not_sent(machine: type[SendMachine]) -> None:
    """What the person said stands: the row says that nothing goes out, and nothing goes out again."""
    state = machine()
    first = state._rows()[0].reference
    state.next_answer(how="answer_lost")
    state.work(which=0, steps=4)
    state.somebody_decides(which=0, was_sent=False)
    state.text(who=0, word="STOP")
    state.rows_and_journal_agree()
    state.teardown()
    assert state.provider.journal.count(first) == 1


def test_a_cancellation_that_is_handled_after_a_text_was_lost_leaves_the_question_open(
    machine: type[SendMachine],
) -> None:
    """The rules close the tasks of a cancelled visit; what became of its text is still for a person to say."""
    state = machine()
    state.plan(what="visit", who=0)
    state.withdraw(which=0)
    state.withdraw(which=1)
    state.next_answer(how="answer_lost")
    state.work(which=0, steps=4)
    state.cancel_visit(which=0, withdraw=False)
    state.settle(can_tell=False)
    assert state._rows()[2].status == "unknown"
    state.teardown()


@pytest.mark.slow
@pytest.mark.parametrize("batch", [1, 100])
def test_nothing_is_lost_doubled_or_sent_against_a_wish_in_a_hundred_orders(
    machine: type[SendMachine], batch: int
) -> None:
    play(machine, 100, batch=batch)


@pytest.mark.long
@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_is_lost_doubled_or_sent_against_a_wish_in_thousands_of_orders(
    machine: type[SendMachine], part: int
) -> None:
    play(machine, EXAMPLES // PARTS, batch=(1, 100)[part % 2], part=part)
