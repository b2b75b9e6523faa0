"""What the desk lives through with its queue, by the front door."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from tasks.models import Task

pytestmark = pytest.mark.django_db


def test_an_answer_to_the_patient_closes_the_task_to_answer(
    clinic: None, client: Client, text: Any, staff_lead: Any, run_work: Any
) -> None:
    contact = staff_lead("0412 345 678")
    run_work()
    for words in ("Hello there", "Can we reschedule to Friday please?"):
        text(contact.phone, words)
        run_work()
    task = Task.objects.get(type="reply_needed")
    assert (task.contact, task.is_open) == (contact, True)
    client.force_login(User.objects.get(email="staff@demo.test"))
    body = {"contact_id": str(contact.public_id), "message": "Friday at ten is yours."}
    assert client.post("/api/sms/send", json.dumps(body), content_type="application/json").status_code == 200
    run_work()
    task.refresh_from_db()
    assert (task.status, task.closed_reason) == ("cancelled", "A colleague wrote to them.")
    text(contact.phone, "Sorry, can we reschedule again?")
    run_work()
    assert Task.objects.filter(type="reply_needed", status="todo").count() == 1
