from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import Location, User
from contacts.models import Contact
from integrations import accounts
from integrations.models import ProviderAccount
from tests.factories.contacts import make_contact
from tests.messaging.conftest import (  # noqa: F401
    account,
    book,
    gateway,
    manager,
    now,
    reader,
    receptionist,
    service,
    stranger,
    sydney,
)

ONE, TWO = "+61412000001", "+61412000002"

Merging = Callable[..., Any]


@pytest.fixture
def ann(sydney: Location) -> Contact:  # noqa: F811
    """Ann as a form brought her."""
    return make_contact(sydney, name="Ann Lee", phone=ONE, source="meta_form", email="ann@old.au")


@pytest.fixture
def twin(sydney: Location) -> Contact:  # noqa: F811
    """Ann again, as a booking on another phone brought her."""
    return make_contact(sydney, name="A. Lee-Wong", phone=TWO, source="wix", email="ann@new.au")


@pytest.fixture
def merge(client: Client, receptionist: User) -> Merging:  # noqa: F811
    """Merge through the API as the receptionist: merge(away, into=keep), merge(keep, **{"from": away})."""

    def post(contact: Contact, **other: Contact) -> Any:
        client.force_login(receptionist)
        body = {name: str(row.public_id) for name, row in other.items()}
        return client.post(f"/api/contacts/{contact.public_id}/merge", body, content_type="application/json")

    return post


@pytest.fixture
def text(client: Client, account: ProviderAccount, run_work: Any) -> Callable[..., None]:  # noqa: F811
    """A text comes in through the real door."""
    token = accounts.rotate_token(account)
    numbers = itertools.count(1)

    def post(body: str, *, from_: str) -> None:
        sms = {"message_id": f"in-{next(numbers)}", "from": from_, "to": "+61290000000", "body": body}
        answer = client.post(
            f"/webhooks/sms/inbound/{token}", json.dumps(sms), content_type="application/json"
        )
        assert answer.status_code == 200, answer.content
        run_work()

    return post


def fresh(row: Any) -> Any:
    return type(row).objects.get(pk=row.pk)
