"""Addresses of pages about one row, as lists of hundreds ask for them."""

from __future__ import annotations

import uuid

import pytest
from django.urls import NoReverseMatch, reverse

from accounts import pages


@pytest.mark.parametrize(
    ("name", "more"), [("contacts_contact_change", ()), ("tasks_act", ("start",)), ("tasks_visit", ())]
)
def test_an_address_is_what_django_would_answer(name: str, more: tuple[str, ...]) -> None:
    for public_id in (uuid.uuid4(), uuid.uuid4()):
        assert pages.address(name, public_id, *more) == reverse(f"admin:{name}", args=(public_id, *more))


def test_a_page_that_does_not_exist_has_no_address() -> None:
    with pytest.raises(NoReverseMatch):
        pages.address("nowhere", uuid.uuid4())
