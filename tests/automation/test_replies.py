"""D3: who writes to cancel, to move or to ask is answered by a person, and never overheard."""

from __future__ import annotations

import pytest

from messaging.models import Message
from tasks.models import Task
from tests.automation.conftest import drain, fresh

REPLIES = ("cancel_reply", "reschedule_reply", "confirm_reply")


def replies(contact):
    rows = Message.objects.filter(contact=contact, direction="outbound", template__name__in=REPLIES)
    return list(rows.values_list("template__name", flat=True))


@pytest.mark.parametrize(
    ("body", "answers"),
    [
        ("cancel my appointment please", ["cancel_reply"]),
        ("can we move it?", ["reschedule_reply"]),
        ("Is there parking available?", []),
    ],
)
def test_a_wish_about_the_visit_becomes_a_task_and_needs_attention(clinic, anna, book, texts, body, answers):
    visit = book(anna)
    drain()
    texts(anna, body)
    drain()
    task = Task.objects.get(contact=anna, type="reply_needed", status__in=Task.OPEN)
    assert task.priority_floor == 100
    assert fresh(anna).current_stage == "needs_attention"
    assert replies(anna) == answers
    assert fresh(visit).status == "scheduled"


@pytest.mark.parametrize("body", ["yes", "thanks"])
def test_a_plain_answer_makes_no_task(clinic, anna, book, texts, body):
    book(anna)
    drain()
    texts(anna, body)
    drain()
    assert not Task.objects.filter(contact=anna, type="reply_needed").exists()
