"""A patient nobody else is like goes through everything, failures included: no log line and no job knows of them."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client

from accounts.models import Location, User
from automation import seeds
from avatar_cms.logs import configuration
from contacts.models import Contact
from core import work
from core.causes import Cause
from core.models import Event, Work
from integrations import gateways
from integrations.models import Provider
from integrations.ports import Capabilities
from messaging import inbound
from messaging.models import Message
from messaging.services import send_text
from tests.factories.integrations import make_account, token_of
from tests.harness.brokers import TestBroker
from tests.messaging.conftest import make_account as make_sms_account
from tests.messaging.conftest import make_sydney

pytestmark = pytest.mark.django_db(transaction=True)

SITE = "https://www.clinic.example"
NAME, EMAIL, PHONE, NOTE = (
    "Zebulon Quackenbush",
    "zebulon.q@example.com",
    "+61491570156",
    "xylophonitis of the knee",
)
CANARY = re.compile("zebulon|quackenbush|xylophonitis|491.?570.?156", re.IGNORECASE)


class Refusing:
    """A gateway whose error quotes all it was given."""

    capabilities = Capabilities()

    def send(self, sms: Any) -> Any:
        raise RuntimeError(f"cannot send {sms.body!r} to {sms.to} ({NAME}, {NOTE})")

    def send_many(self, texts: Any) -> Any:
        return [self.send(sms) for sms in texts]


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """What production would have written so far, line by line."""
    stream = io.StringIO()
    made = configuration(json=True, level="INFO")
    lines_of = made["formatters"]["lines"]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=lines_of["foreign_pre_chain"], processors=lines_of["processors"]
        )
    )
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture
def clinic(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Location:
    location = make_sydney()
    make_sms_account(location)
    seeds.seed(demo=False)
    monkeypatch.setattr(gateways, "for_account", lambda account: Refusing())
    return location


def broker_contents(broker: TestBroker) -> str:
    """Every key of the broker and the cache with its value, queued jobs and their arguments among them."""
    found = []
    for key in broker.client.scan_iter():
        kind = broker.client.type(key)
        value: Any = {
            b"string": lambda key=key: broker.client.get(key),
            b"list": lambda key=key: broker.client.lrange(key, 0, -1),
            b"set": lambda key=key: broker.client.smembers(key),
            b"hash": lambda key=key: broker.client.hgetall(key),
            b"zset": lambda key=key: broker.client.zrange(key, 0, -1),
        }[kind]()
        found.append(f"{key!r} {value!r}")
    return "\n".join(found)


def ask(client: Client, location: Location) -> None:
    """They fill in the clinic's form; once more through a door whose database fails at their row."""
    account = make_account(
        location, Provider.WEB_FORM, credentials={"origins": SITE, "webhook_secret": "server"}
    )
    body = {"name": NAME, "email": EMAIL, "phone": PHONE, "message": NOTE}
    answer = client.generic(
        "POST", f"/webhooks/forms/{token_of(account)}", json.dumps(body).encode(), content_type="application/json",
        headers={"Origin": SITE},
    )  # fmt: skip
    assert answer.status_code == 200, answer.content


@work.handler("tests.canary")
def _trip(items: list[Work]) -> None:
    """Fails as handlers do: with a row of theirs in the words of the error."""
    contact = Contact.objects.get(name=NAME)
    if items[0].args["how"] == "row":
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO contacts_contact (name, phone) VALUES (%s, %s)", [NAME, PHONE])
    raise ValueError(f"{contact.name} {contact.phone} {NOTE}")


def test_c16_no_log_line_and_no_job_knows_who_it_was(
    clinic: Location, client: Client, lines: Any, run_work: Callable[[], int], test_broker: TestBroker
) -> None:
    cache.clear()
    ask(client, clinic)
    run_work()
    contact = Contact.objects.get(name=NAME)
    send_text(contact_id=contact.pk, body=f"Dear {NAME}, about your {NOTE}.", cause=Cause.system("test"))
    for how in ("row", "words"):
        work.enqueue(
            "tests.canary", location_id=clinic.pk, subject=f"contact:{contact.pk}", args={"how": how}
        )
    account = clinic.provider_accounts.filter(provider=Provider.CONSOLE).get()
    with transaction.atomic():
        inbound.receive_inbound(
            account=account, from_=PHONE, to="", body=f"It is {NAME}: {NOTE}", at=contact.created_at,
            external_id="m1", key="k1", cause=Cause.provider(account.pk),
        )  # fmt: skip
    queued = broker_contents(test_broker)
    run_work()
    client.force_login(User.objects.create_superuser("owner@clinic.test", "a long password 1", name="Owner"))
    client.get(f"/api/contacts/search?q={NAME}")
    client.get(f"/admin/nowhere/{PHONE}/?q={EMAIL}")

    written = lines()
    found = [line for line in written if CANARY.search(json.dumps(line))]
    assert found == []
    assert CANARY.search(queued + broker_contents(test_broker)) is None
    assert b"core.drain" in test_broker.client.lrange("celery", 0, -1)[0]

    # What failed is told all the same, with its kind, its place and its ids.
    exceptions = [line for line in written if "exception" in line]
    assert any("RuntimeError" in line["exception"] and "in send" in line["exception"] for line in exceptions)
    assert {"gateway failed", "work failed"} <= {line["event"] for line in written}
    assert Message.objects.filter(status="unknown").exists()
    assert not [
        row for row in Work.objects.exclude(last_error="") if CANARY.search(row.last_error + str(row.args))
    ]
    assert not [row for row in Event.objects.all() if CANARY.search(json.dumps(row.data))]


def test_lines_of_a_request_and_of_its_work_are_found_by_their_ids(
    clinic: Location, client: Client, lines: Any, run_work: Callable[[], int]
) -> None:
    cache.clear()
    ask(client, clinic)
    [stored] = [line for line in lines() if line["event"] == "delivery stored"]
    assert re.fullmatch(r"[0-9a-f-]{36}", stored["request_id"])

    mine = "0190a7c2-0000-7000-8000-000000000001"
    assert client.get("/health", headers={"X-Request-ID": mine})["X-Request-ID"] == mine
    assert client.get("/health", headers={"X-Request-ID": PHONE})["X-Request-ID"] != PHONE

    contact = Contact.objects.create(location=clinic, name=NAME)
    work.enqueue(
        "tests.canary", location_id=clinic.pk, subject=f"contact:{contact.pk}", args={"how": "words"}
    )
    run_work()
    [failed] = [line for line in lines() if line["event"] == "work failed"]
    assert failed["handler"] == "tests.canary"
    assert "request_id" not in failed
