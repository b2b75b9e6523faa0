"""What nobody listened to is looked at as the rules were told of it, with all that came along with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest

from accounts.models import Location
from automation.engine import Outcome
from automation.models import FactSnapshot, Rule
from contacts import services as contact_services
from core import clock
from core.clock import Frozen
from core.models import Event
from messaging.models import Message
from tests.automation.conftest import CAUSE, NOW, drain
from tests.automation.test_past import TASK, ask, played
from tests.factories.contacts import log, make_contact

AFTER = NOW + timedelta(hours=1)


class Running(Frozen):
    """A clock that goes on a little whenever it is looked at."""

    _at: datetime

    @property
    def at(self) -> datetime:
        self._at += timedelta(milliseconds=1)
        return self._at

    @at.setter
    def at(self, at: datetime) -> None:
        self._at = at


@pytest.fixture
def running(now: Frozen) -> Iterator[Running]:
    one = Running(NOW)
    clock._stack.append(one)
    yield one
    clock._stack.remove(one)


def test_what_an_event_brought_along_is_known(
    bare: Location, running: Running, write_rule: Callable[..., Rule]
) -> None:
    ann = make_contact(bare, name="Ann", phone="+61412000110", is_lead=True)
    drain()
    was = ann.warmness_score
    contact_services.update_contact(contact_id=ann.pk, fields={"intent": "procedure"}, cause=CAUSE)
    drain()
    ann.refresh_from_db()
    assert ann.warmness_score > was
    rule = write_rule(
        TASK, trigger="contact_updated", conditions={"warmness_score": {"gte": ann.warmness_score}}
    )
    happened = Event.objects.get(type="contact_updated")
    assert not FactSnapshot.objects.filter(event_id=happened.pk).exists()
    (found,) = played(ask(rule, NOW, AFTER)).verdicts
    assert found.outcome is Outcome.MATCHED
    assert found.at > happened.recorded_at


def test_a_stop_is_known_when_its_text_is_met(
    bare: Location, running: Running, write_rule: Callable[..., Rule], texts: Callable[..., Message]
) -> None:
    ann = make_contact(bare, name="Ann", phone="+61412000110", is_lead=True)
    drain()
    texts(ann, "STOP")
    drain()
    rule = write_rule(TASK, trigger="sms_received", conditions={"consent.marketing": {"eq": "withdrawn"}})
    assert len(played(ask(rule, NOW, AFTER)).verdicts) == 1


def test_what_rules_did_about_a_later_event_of_the_same_turn_is_not_known_yet(
    bare: Location, running: Running, write_rule: Callable[..., Rule]
) -> None:
    write_rule([{"type": "add_tag", "tag": "moved"}], trigger="stage_moved")
    ann = make_contact(bare, name="Ann", phone="+61412000110", is_lead=True)
    drain()
    log(ann, "form_submit")
    contact_services.move_stage(
        contact_services.StageMove(ann.pk, "lead_to_booking", "contacted", cause=CAUSE)
    )
    drain()
    ann.refresh_from_db()
    assert "moved" in ann.tags
    rule = write_rule(
        TASK, trigger="touchpoint_logged",
        conditions={"all": [{"current_stage": {"eq": "contacted"}}, {"not": {"tags": {"contains": "moved"}}}]},
    )  # fmt: skip
    assert [one.contact_id for one in played(ask(rule, NOW, AFTER)).verdicts] == [ann.pk]
