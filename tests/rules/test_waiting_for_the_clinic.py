"""Messages that wait for something the clinic must do: told once, however many wait."""

from __future__ import annotations

from core.models import Event
from integrations.models import SenderIdentity
from messaging.models import Message
from tasks.models import Task
from tests.rules.conftest import Clinic


def problems(clinic: Clinic) -> list[Task]:
    return list(Task.objects.filter(location=clinic.location, type="delivery_problem").order_by("pk"))


def test_what_the_clinic_must_mend_is_one_task_whoever_waits_for_it(clinic: Clinic) -> None:
    SenderIdentity.objects.filter(location=clinic.location).delete()
    lee, kim = clinic.lead("Lee Lead"), clinic.lead("Kim Lead")
    held = Message.objects.filter(contact__in=(lee, kim), status="held", reason="no_sender")
    [task] = problems(clinic)
    assert held.count() == 2
    assert task.contact is None
    assert "nothing to send from" in task.notes
    assert Event.objects.filter(type="messages_wait").count() == 1


def test_another_day_finds_the_open_task_and_makes_a_new_one_once_it_is_done(clinic: Clinic) -> None:
    SenderIdentity.objects.filter(location=clinic.location).delete()
    clinic.lead("Lee Lead")
    clinic.wait(days=1)
    clinic.lead("Kim Lead")
    [task] = problems(clinic)
    clinic.finish(task)
    clinic.wait(days=1)
    clinic.lead("Joe Lead")
    assert Event.objects.filter(type="messages_wait").count() == 3
    assert [row.status for row in problems(clinic)] == ["completed", "todo"]


def test_two_causes_are_two_tasks(clinic: Clinic) -> None:
    SenderIdentity.objects.filter(location=clinic.location).delete()
    clinic.lead("Lee Lead")
    make_sender_again(clinic)
    clinic.location.daily_sms_cap_cents = 1
    clinic.location.save()
    clinic.lead("Kim Lead")
    assert [task.notes.split(":")[0] for task in problems(clinic)] == ["Messages wait", "Texts wait"]


def test_who_can_be_written_to_makes_nobody_wait(clinic: Clinic) -> None:
    clinic.lead("Lee Lead")
    assert problems(clinic) == []
    assert not Event.objects.filter(type="messages_wait").exists()


def make_sender_again(clinic: Clinic) -> None:
    from tests.factories.integrations import make_console_account, make_sender

    make_sender(make_console_account(clinic.location))
