"""E1: a delivery that could not be applied reaches the desk."""

from __future__ import annotations

from typing import Any

import pytest

from automation.models import RuleRun
from integrations.models import Receipt
from tasks.models import Task
from tests.rules.conftest import Clinic
from tests.webhooks.wix_builder import WixBooking


def breaks(clinic: Clinic, monkeypatch: pytest.MonkeyPatch, *, id: str = "b-1") -> Receipt:
    """A delivery of Wix arrives that nothing can make sense of."""

    def refuse(*args: Any, **named: Any) -> Any:
        raise ValueError("no sense")

    with monkeypatch.context() as patch:
        patch.setattr("bookings.provider.apply_provider_event", refuse)
        clinic.wix("created", WixBooking(id=id))
        for _ in range(6):
            clinic.wait(hours=1)
    return Receipt.objects.latest("pk")


def asked() -> list[Task]:
    return list(Task.objects.filter(type="reconcile", contact=None, status__in=Task.OPEN))


def test_the_desk_is_told_of_a_parked_delivery(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    receipt = breaks(clinic, monkeypatch)
    assert receipt.state == "parked"
    [task] = asked()
    assert "could not be applied" in task.notes
    assert [run.state for run in clinic.runs("e1")] == ["done"]


def test_a_delivery_that_is_applied_tells_nobody(clinic: Clinic) -> None:
    clinic.wix("created", WixBooking())
    assert (clinic.runs("e1"), asked()) == ([], [])


def test_before_the_last_try_nobody_is_bothered_and_what_works_in_time_is_applied(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = iter([True, True, False])
    from bookings import provider

    real = provider.apply_provider_event

    def sometimes(*args: Any, **named: Any) -> Any:
        if next(tries, False):
            raise ValueError("no sense")
        return real(*args, **named)

    monkeypatch.setattr("bookings.provider.apply_provider_event", sometimes)
    clinic.wix("created", WixBooking())
    for _ in range(3):
        clinic.wait(hours=1)
    assert Receipt.objects.get().state == "applied"
    assert asked() == []


def test_a_second_broken_delivery_keeps_to_the_same_task(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaks(clinic, monkeypatch, id="b-1")
    breaks(clinic, monkeypatch, id="b-2")
    assert Receipt.objects.filter(state="parked").count() == 2
    assert len(asked()) == 1
    assert RuleRun.objects.filter(rule__key="e1").count() == 2


def test_edited_meanwhile_the_notice_reads_as_the_clinic_wants(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    clinic.edit(
        "e1", actions=[{"type": "notify_staff", "text": "Ring the web people.", "task_type": "custom"}]
    )
    breaks(clinic, monkeypatch)
    assert list(Task.objects.filter(status__in=Task.OPEN).values_list("type", "contact")) == [
        ("custom", None)
    ]
