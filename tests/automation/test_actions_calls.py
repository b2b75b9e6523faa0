"""Rules that call other systems and tell staff beyond the home page, by the front door."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from accounts.models import Location, Membership, User
from automation import selectors
from automation.models import ActionRun, Rule
from contacts.models import Contact
from core import clock
from core.errors import Invalid
from integrations.models import OutboundCall, Provider, ProviderAccount
from tasks.models import Task
from tests.automation.conftest import drain
from tests.automation.test_execution import moved, queries_for
from tests.harness import receivers
from tests.harness.receivers import Receiver, answer

WriteRule = Callable[..., Rule]


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.OUTBOUND_ALLOWED_HOSTS = ["127.0.0.1"]
    with receivers.receiver() as running:
        yield running


@pytest.fixture
def webhooks(bare: Location) -> ProviderAccount:
    return ProviderAccount.objects.create(
        location=bare, provider=Provider.WEBHOOK, name="Warehouse", credentials={"webhook_secret": "a secret"}
    )


@pytest.fixture
def slack(bare: Location, receiver: Receiver) -> ProviderAccount:
    return ProviderAccount.objects.create(
        location=bare, provider=Provider.SLACK, name="Slack", credentials={"webhook_url": receiver.url}
    )


@pytest.fixture
def boss(bare: Location) -> User:
    user = User.objects.create_user("boss@clinic.test", "a long password 1", name="Boss")
    Membership.objects.create(user=user, location=bare, role="manager")
    return user


def test_a_rule_calls_another_system_once_and_outside_its_transaction(
    bare: Location, anna: Contact, write_rule: WriteRule, webhooks: ProviderAccount, receiver: Receiver,
    run_work: Callable[[], int],
) -> None:  # fmt: skip
    rule = write_rule(
        [
            {
                "type": "call_webhook",
                "url": receiver.url,
                "data": {"stage": "{current_stage}"},
                "account": "warehouse",
            }
        ]
    )
    event = moved(anna)
    drain()
    assert receiver.requests == []
    call = OutboundCall.objects.get()
    assert ActionRun.objects.get().result == {"call": str(call.public_id)}
    run_work()
    run_work()
    [request] = receiver.requests
    assert request.json == {
        "type": "stage_moved",
        "timestamp": event.occurred_at.isoformat(),
        "data": {
            "location": "sydney", "contact": str(anna.public_id), "booking": None, "rule": str(rule.public_id),
            "stage": "new_lead",
        },
    }  # fmt: skip
    assert request.headers["webhook-signature"].startswith("v1,")
    assert OutboundCall.objects.get().state == "done"


def test_a_call_that_is_refused_becomes_a_task_by_its_rule(
    clinic: Location, anna: Contact, write_rule: WriteRule, webhooks: ProviderAccount, receiver: Receiver,
    run_work: Callable[[], int],
) -> None:  # fmt: skip
    receiver.behaviours = [answer(400)]
    write_rule([{"type": "call_webhook", "url": receiver.url}])
    moved(anna)
    run_work()
    assert OutboundCall.objects.get().state == "parked"
    assert "Calls to others" in Task.objects.get(type="reconcile").notes


def test_a_rule_that_calls_when_calls_fail_does_not_go_round_in_circles(
    bare: Location, anna: Contact, write_rule: WriteRule, webhooks: ProviderAccount, receiver: Receiver,
    run_work: Callable[[], int],
) -> None:  # fmt: skip
    receiver.behaviours = [answer(400)] * 20
    write_rule([{"type": "call_webhook", "url": receiver.url}])
    write_rule([{"type": "call_webhook", "url": receiver.url}], trigger="call_failed")
    moved(anna)
    run_work()
    assert len(receiver.requests) == 2


def test_staff_are_told_by_slack_and_e_mail_and_not_on_the_home_page(
    bare: Location, anna: Contact, write_rule: WriteRule, slack: ProviderAccount, boss: User, receiver: Receiver,
    settings: Any, run_work: Callable[[], int],
) -> None:  # fmt: skip
    write_rule([{"type": "notify_staff", "text": "Now {current_stage}", "channels": ["slack", "email"]}])
    moved(anna)
    with receivers.mail_server() as mail:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_CONFIGURED = "127.0.0.1", mail.port, True
        settings.DEFAULT_FROM_EMAIL = "cms@clinic.test"
        run_work()
        assert [text.count("Now new_lead") for text in mail.mails] == [1]
        assert mail.recipients == ["rcpt TO:<boss@clinic.test>"]
    assert [request.json for request in receiver.requests] == [{"text": "Now new_lead"}]
    assert set(OutboundCall.objects.values_list("kind", "state")) == {
        ("slack", "done"),
        ("email_notice", "done"),
    }
    assert selectors.notices(boss, clock.now()) == []


def test_a_channel_that_is_gone_is_told_and_the_others_are_used(
    bare: Location, anna: Contact, write_rule: WriteRule, slack: ProviderAccount, boss: User
) -> None:
    write_rule([{"type": "notify_staff", "text": "Look", "channels": ["in_app", "slack", "email"]}])
    ProviderAccount.objects.all().update(enabled=False)
    moved(anna)
    drain()
    row = ActionRun.objects.get()
    assert (row.state, row.reason) == ("failed", "The clinic has no Slack account. Add one under Providers.")
    assert [call.kind for call in OutboundCall.objects.all()] == ["email_notice"]


def test_a_webhook_without_an_account_fails_and_says_what_to_do(
    bare: Location, anna: Contact, write_rule: WriteRule, webhooks: ProviderAccount
) -> None:
    write_rule(
        [{"type": "call_webhook", "url": "https://hooks.example.com/"}, {"type": "add_tag", "tag": "seen"}]
    )
    webhooks.enabled = False
    webhooks.save()
    moved(anna)
    drain()
    states = list(ActionRun.objects.order_by("step").values_list("state", "reason"))
    assert states[0] == ("failed", "The clinic has no webhook account to sign with. Add one under Providers.")
    assert states[1][0] == "done"


def test_calls_of_100_events_cost_the_queries_of_10(
    bare: Location, write_rule: WriteRule, webhooks: ProviderAccount, slack: ProviderAccount, boss: User
) -> None:
    write_rule(
        [
            {"type": "call_webhook", "url": "https://hooks.example.com/"},
            {"type": "notify_staff", "text": "Look", "channels": ["slack", "email"]},
        ]
    )
    ten = queries_for(bare, 10)
    assert queries_for(bare, 50) == ten
    assert OutboundCall.objects.count() == 180


@pytest.mark.parametrize(
    ("action", "path"),
    [
        ({"type": "call_webhook", "url": "http://192.168.0.1/"}, "actions[0].url"),
        ({"type": "call_webhook", "url": "https://x.test/", "account": "Nobody"}, "actions[0].account"),
        ({"type": "notify_staff", "text": "x", "channels": ["slack"]}, "actions[0].channels"),
        ({"type": "notify_staff", "text": "x", "channels": ["email"], "to": ["no@x.test"]}, "actions[0].to"),
    ],
)
def test_what_is_not_there_is_refused_by_path_when_the_rule_is_saved(
    bare: Location, write_rule: WriteRule, webhooks: ProviderAccount, action: dict[str, Any], path: str
) -> None:
    with pytest.raises(Invalid) as caught:
        write_rule([action])
    assert list(caught.value.fields) == [path]
