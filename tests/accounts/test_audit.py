from __future__ import annotations

import logging
from typing import Any

import pytest
from django.db import DatabaseError
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import Location, User
from core.models import AuditEntry
from tests.accounts.conftest import PASSWORD


def last() -> AuditEntry:
    return AuditEntry.objects.latest("id")


def test_a_read_is_told_with_who_what_and_where(api: Any, staff: dict[str, User], sydney: Location) -> None:
    api("staff").get(f"/api/locations/{sydney.public_id}", REMOTE_ADDR="203.0.113.5")
    entry = last()
    assert (entry.method, entry.route, entry.status) == ("GET", "location-detail", 200)
    assert (entry.user_id, entry.location_id) == (staff["staff"].pk, None)
    assert entry.object_ids == [str(sydney.public_id)]
    assert (entry.ip, entry.personal_data) == ("203.0.113.5", False)
    assert len(entry.request_hash) == 64


def test_a_write_names_the_fields_and_holds_no_value(api: Any, staff: dict[str, User]) -> None:
    client = api("admin")
    client.patch(f"/api/users/{staff['staff'].public_id}", {"name": "Secret Name"}, format="json")
    entry = last()
    assert (entry.method, entry.fields, entry.personal_data) == ("PATCH", ["name"], True)
    assert entry.object_ids == [str(staff["staff"].public_id)]
    assert "Secret" not in str({field.name: getattr(entry, field.name) for field in AuditEntry._meta.fields})


def test_refusals_and_failed_log_ins_are_told_too(
    api: Any, staff: dict[str, User], melbourne: Location
) -> None:
    api("staff").get(f"/api/locations/{melbourne.public_id}")
    assert (last().status, last().object_ids) == (404, [])
    APIClient().post("/api/auth/token", {"email": "staff@demo.test", "password": "wrong"}, format="json")
    assert (last().status, last().route, last().user_id) == (401, "auth-token", None)
    APIClient().post("/api/auth/token", {"email": "staff@demo.test", "password": PASSWORD}, format="json")
    assert (last().status, last().user_id) == (200, staff["staff"].pk)


def test_pages_of_the_admin_are_told(pages: Any, staff: dict[str, User], sydney: Location) -> None:
    pages("manager").get("/admin/accounts/location/")
    entry = last()
    assert (entry.route, entry.object_ids) == ("admin:accounts_location_changelist", [str(sydney.public_id)])
    assert entry.location_id == sydney.pk


def test_one_request_makes_one_row_in_one_query(
    api: Any, sydney: Location, django_assert_num_queries: Any, settings: Any
) -> None:
    client = api("admin")
    before = AuditEntry.objects.count()
    with django_assert_num_queries(5) as made:
        client.get(f"/api/locations/{sydney.public_id}")
    assert AuditEntry.objects.count() == before + 1
    assert sum("core_auditentry" in query["sql"] for query in made.captured_queries) == 1


@pytest.mark.parametrize("address", ["/health", "/api/schema", "/admin/login/", "/api/locations"])
def test_strangers_and_pages_without_staff_data_make_no_row(staff: Any, address: str) -> None:
    Client().get(address)
    assert not AuditEntry.objects.exists()


def test_a_request_succeeds_when_its_row_cannot_be_written_and_the_log_has_the_facts(
    api: Any, sydney: Location, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = api("staff")

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise DatabaseError("no")

    monkeypatch.setattr(AuditEntry, "save", refuse)
    with caplog.at_level(logging.ERROR, logger="accounts.middleware"):
        assert client.get("/api/locations").status_code == 200
    (record,) = [item for item in caplog.records if item.name == "accounts.middleware"]
    assert record.__dict__["audit_route"] == "location-list"
    assert record.__dict__["audit_user_id"] is not None


@pytest.mark.parametrize(
    ("proxies", "forwarded", "ip"),
    [
        (0, "198.51.100.1", "203.0.113.5"),
        (1, "198.51.100.1", "198.51.100.1"),
        (1, "6.6.6.6, 198.51.100.1", "198.51.100.1"),
        (2, "198.51.100.1, 10.0.0.1", "198.51.100.1"),
        (2, "198.51.100.1", "203.0.113.5"),
        (1, "nonsense", None),
        (1, "2001:db8::1", "2001:db8::1"),
    ],
)
def test_the_address_is_taken_from_proxies_one_trusts(
    api: Any, sydney: Location, settings: Any, proxies: int, forwarded: str, ip: str | None
) -> None:
    client = api("staff")
    settings.TRUSTED_PROXY_COUNT = proxies
    client.get("/api/me", REMOTE_ADDR="203.0.113.5", HTTP_X_FORWARDED_FOR=forwarded)
    assert last().ip == ip
