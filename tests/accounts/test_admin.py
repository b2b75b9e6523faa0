"""The admin as the four demo users meet it."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from accounts.models import ApiToken, Location, Membership, User
from core.models import Event, Work
from tests.accounts.conftest import PASSWORD

#: page -> who gets it. The others are refused (403).
LISTS = {
    "accounts_location": {"admin", "manager", "staff", "readonly"},
    "accounts_user": {"admin"},
    "accounts_apitoken": {"admin"},
    "core_event": {"admin", "manager", "staff", "readonly"},
    "core_work": {"admin", "manager", "staff", "readonly"},
    "core_auditentry": {"admin", "manager"},
    "django_celery_beat_periodictask": {"admin"},
    "admin_logentry": {"admin"},
}


def change(row: Any) -> str:
    meta = row._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=(row.public_id,))


def typed(page: Any, **changes: Any) -> dict[str, Any]:
    """What a browser would post back from this form."""
    form = page.context["adminform"].form
    data = {form.add_prefix(name): form[name].value() for name in form.fields}
    for inline in page.context["inline_admin_formsets"]:
        management = inline.formset.management_form
        data |= {management.add_prefix(name): management[name].value() for name in management.fields}
        for part in inline.formset.forms:
            data |= {part.add_prefix(name): part[name].value() for name in part.fields}
    for name, field in form.fields.items():
        if hasattr(field.widget, "posted"):
            data |= field.widget.posted(form.add_prefix(name), data.pop(form.add_prefix(name)))
    data |= changes
    return {
        key: "on" if value is True else value
        for key, value in data.items()
        if value is not None and value is not False
    }


@pytest.mark.parametrize("page", LISTS)
@pytest.mark.parametrize("who", ["admin", "manager", "staff", "readonly"])
def test_each_role_gets_its_pages_and_no_others(pages: Any, page: str, who: str) -> None:
    assert pages(who).get(reverse(f"admin:{page}_changelist")).status_code == (
        200 if who in LISTS[page] else 403
    )


@pytest.mark.parametrize("who", ["admin", "manager", "staff", "readonly"])
def test_the_start_page_offers_what_the_role_may_open(pages: Any, who: str) -> None:
    page = pages(who).get("/admin/").content.decode()
    assert "Avatar Imaging" in page
    assert ("accounts/user/" in page) is (who == "admin")
    assert ("core/auditentry/" in page) is (who in ("admin", "manager"))
    assert page.index("Phone (demo)") < page.index("Automation") < page.index("Clinic")


def test_nobody_gets_in_without_logging_in(staff: Any) -> None:
    answer = Client().get("/admin/accounts/location/")
    assert answer.status_code == 302
    assert "/admin/login/" in answer["Location"]


def test_logging_in_through_the_form_leads_to_the_start_page(staff: Any) -> None:
    client = Client()
    answer = client.post("/admin/login/?next=/admin/", {"username": "Staff@demo.test", "password": PASSWORD})
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")


@pytest.mark.parametrize(
    ("who", "status"), [("admin", 200), ("manager", 404), ("staff", 404), ("readonly", 404)]
)
@pytest.mark.parametrize("view", ["change", "history"])
def test_another_locations_row_is_not_found(
    pages: Any, melbourne: Location, who: str, status: int, view: str
) -> None:
    client = pages(who)
    for key in (melbourne.public_id, melbourne.pk):
        answer = client.get(reverse(f"admin:accounts_location_{view}", args=(key,)), follow=True)
        assert answer.status_code == status


def test_unknown_rows_are_not_found(pages: Any) -> None:
    for key in (uuid.uuid4(), "nonsense", "9" * 30, "_00"):
        assert pages("admin").get(f"/admin/accounts/location/{key}/change/").status_code == 404


def test_lists_show_and_link_ones_own_rows_by_public_id(
    pages: Any, sydney: Location, melbourne: Location
) -> None:
    page = pages("staff").get("/admin/accounts/location/").content.decode()
    assert f"/admin/accounts/location/{sydney.public_id}/change/" in page
    assert "Melbourne" not in page
    assert not re.search(r"/admin/accounts/location/\d+/", page)


def test_a_link_by_inner_key_leads_to_the_public_address(pages: Any, sydney: Location) -> None:
    answer = pages("staff").get(f"/admin/accounts/location/{sydney.pk}/change/")
    assert (answer.status_code, answer["Location"]) == (302, change(sydney))


@pytest.mark.parametrize(
    ("who", "saves"), [("admin", True), ("manager", True), ("staff", False), ("readonly", False)]
)
def test_saving_needs_the_right_and_goes_through_the_service(
    pages: Any, sydney: Location, who: str, saves: bool
) -> None:
    client = pages(who)
    if not saves:
        assert client.get(change(sydney)).status_code == 200
        assert client.post(change(sydney), {"name": "Hacked"}).status_code == 403
        return
    answer = client.post(change(sydney), typed(client.get(change(sydney)), name="Avatar on Pitt Street"))
    assert answer.status_code == 302, answer.context["errors"]
    sydney.refresh_from_db()
    assert sydney.name == "Avatar on Pitt Street"
    event = Event.objects.get(type="location_changed")
    assert (event.data, event.cause_kind) == ({"fields": ["name"]}, "user")


def test_what_a_service_refuses_is_shown_in_the_form(pages: Any, staff: dict[str, User]) -> None:
    client, page = pages("admin"), change(staff["admin"])
    data = typed(client.get(page), name="Changed")
    data.pop("is_active")
    answer = client.post(page, data)
    assert answer.status_code == 200
    assert "last active admin" in answer.content.decode()
    assert 'value="Changed"' in answer.content.decode(), "what was typed is kept"
    staff["admin"].refresh_from_db()
    assert (staff["admin"].name, staff["admin"].is_active) == ("Alex Admin", True)


def test_an_admin_adds_a_person_with_a_role(pages: Any, sydney: Location) -> None:
    client = pages("admin")
    address = reverse("admin:accounts_user_add")
    data = typed(
        client.get(address),
        email="Kim@Demo.test",
        name="Kim",
        first_password=PASSWORD,
        **{"memberships-0-role": "staff", "memberships-0-location": sydney.pk},
    )
    answer = client.post(address, data)
    assert answer.status_code == 302, answer.context["errors"]
    kim = User.objects.get(email="kim@demo.test")
    assert [(m.role, m.location) for m in kim.memberships.all()] == [("staff", sydney)]
    assert Client().login(username="kim@demo.test", password=PASSWORD)


def test_roles_are_changed_and_removed_in_the_persons_form(
    pages: Any, staff: dict[str, User], melbourne: Location
) -> None:
    client, page = pages("admin"), change(staff["staff"])
    data = typed(
        client.get(page), **{"memberships-0-role": "manager", "memberships-0-location": melbourne.pk}
    )
    answer = client.post(page, data)
    assert answer.status_code == 302, answer.context["errors"]
    assert [(m.role, m.location) for m in Membership.objects.filter(user=staff["staff"])] == [
        ("manager", melbourne)
    ]


def test_closing_an_account_in_the_form_ends_its_session(pages: Any, staff: dict[str, User]) -> None:
    theirs, client, page = pages("staff"), pages("admin"), change(staff["staff"])
    data = typed(client.get(page))
    data.pop("is_active")
    assert client.post(page, data).status_code == 302
    assert theirs.get("/admin/").status_code == 302


def test_a_password_is_set_by_a_confirmed_post_only(pages: Any, staff: dict[str, User]) -> None:
    client = pages("admin")
    button = reverse("admin:accounts_user_set_password", args=(staff["staff"].public_id,))
    assert button in client.get(change(staff["staff"])).content.decode()
    before = User.objects.get(pk=staff["staff"].pk).password
    assert b"New password" in client.get(button).content
    assert User.objects.get(pk=staff["staff"].pk).password == before
    posted = {"password": "a-brand-new-Phrase-9", "_form_submitted": "on"}
    assert client.post(button, posted)["Location"] == change(staff["staff"])
    assert Client().login(username="staff@demo.test", password="a-brand-new-Phrase-9")
    answer = client.post(button, posted, HTTP_HX_REQUEST="true")
    assert answer["HX-Redirect"] == change(staff["staff"])


@pytest.mark.parametrize("who", ["manager", "staff", "readonly"])
def test_buttons_of_rows_one_may_not_see_do_not_exist(pages: Any, staff: dict[str, User], who: str) -> None:
    button = reverse("admin:accounts_user_set_password", args=(staff["admin"].public_id,))
    for answer in (
        pages(who).get(button),
        pages(who).post(button, {"password": "x", "_form_submitted": "on"}),
    ):
        assert answer.status_code in (403, 404)


def test_a_machine_token_is_shown_once_and_can_be_revoked(pages: Any, staff: dict[str, User]) -> None:
    client = pages("admin")
    issue = reverse("admin:accounts_user_new_token", args=(staff["staff"].public_id,))
    page = client.post(
        issue, {"name": "Website", "scopes": "contacts:read", "_form_submitted": "on"}, follow=True
    )
    plain = re.search(r"act_[\w-]+", page.content.decode())
    assert plain
    assert plain.group() not in client.get(change(staff["staff"])).content.decode()
    token = ApiToken.objects.get()
    revoke = reverse("admin:accounts_apitoken_revoke", args=(token.public_id,))
    assert revoke in client.get(change(token)).content.decode()
    client.post(revoke, {"_form_submitted": "on"})
    token.refresh_from_db()
    assert token.revoked_at is not None
    assert revoke not in client.get(change(token)).content.decode(), "a move that makes no sense hides itself"
    again = client.post(revoke, {"_form_submitted": "on"}, follow=True)
    assert "was revoked before" in again.content.decode()


def test_parked_work_is_tried_again_by_those_who_may(pages: Any, sydney: Location) -> None:
    from core.clock import now

    item = Work.objects.create(
        handler="x", location_id=sydney.pk, due_at=now(), state="parked", last_error="Boom"
    )
    button = reverse("admin:core_work_retry", args=(item.public_id,))
    assert pages("staff").post(button, {"_form_submitted": "on"}).status_code == 403
    pages("manager").post(button, {"_form_submitted": "on"})
    item.refresh_from_db()
    assert item.state == "pending"


def test_the_log_of_events_is_read_only_and_tells_the_story(pages: Any, sydney: Location) -> None:
    from core.clock import now

    event = Event.objects.create(
        type="x",
        location_id=sydney.pk,
        occurred_at=now(),
        cause_kind="system",
        cause_id="test",
        data={"key": 1},
    )
    client = pages("admin")
    assert "key: 1" in client.get(change(event)).content.decode()
    assert client.post(change(event), {"type": "y"}).status_code == 403
    assert client.get(reverse("admin:core_event_add")).status_code == 403
    assert client.get(reverse("admin:core_event_delete", args=(event.public_id,))).status_code == 403


def test_the_admins_own_log_holds_public_ids_and_no_names(pages: Any, staff: dict[str, User]) -> None:
    client, page = pages("admin"), change(staff["staff"])
    client.post(page, typed(client.get(page), name="Renamed Person"))
    entry = LogEntry.objects.get()
    assert entry.object_id == str(staff["staff"].public_id)
    assert "Renamed" not in entry.object_repr
    assert (
        client.get(reverse("admin:accounts_user_history", args=(staff["staff"].public_id,))).status_code
        == 200
    )


def test_relations_offer_only_ones_own_rows(pages: Any, outsider: User, melbourne: Location) -> None:
    from django.contrib import admin
    from django.test import RequestFactory

    request = RequestFactory().get("/")
    request.user = outsider
    user_admin = admin.site.get_model_admin(User)
    field = user_admin.formfield_for_foreignkey(User._meta.get_field("default_location"), request)
    assert list(field.queryset) == [melbourne]


@pytest.mark.parametrize(
    ("who", "offered"),
    [
        ("admin", {"Avatar Imaging Melbourne", "Avatar Imaging Sydney"}),
        ("manager", {"Avatar Imaging Sydney"}),
    ],
)
def test_autocomplete_offers_only_ones_own_rows(pages: Any, who: str, offered: set[str]) -> None:
    query = {"app_label": "accounts", "model_name": "membership", "field_name": "location", "term": "Avatar"}
    answer = pages(who).get("/admin/autocomplete/", query)
    assert {item["text"] for item in answer.json()["results"]} == offered


def test_filters_stay_inside(pages: Any, sydney: Location, melbourne: Location) -> None:
    page = pages("manager").get("/admin/core/auditentry/?location=melbourne")
    assert page.status_code == 200
    assert not page.context["cl"].result_list
    assert "Melbourne" not in page.content.decode()


def test_one_works_in_the_location_one_chose_while_it_is_ones_own(
    pages: Any, sydney: Location, melbourne: Location, staff: dict[str, User]
) -> None:
    client = pages("admin")
    assert client.get("/admin/").context["staff_location"] == sydney
    assert client.get("/admin/location/").status_code == 405
    answer = client.post("/admin/location/", {"location": "melbourne", "next": "https://evil.example/"})
    assert answer["Location"] == "/admin/"
    assert client.get("/admin/").context["staff_location"] == melbourne
    assert pages("staff").post("/admin/location/", {"location": "melbourne"}).status_code == 404


def test_times_are_shown_in_the_clinics_zone(pages: Any, sydney: Location) -> None:
    from datetime import UTC, datetime

    Event.objects.create(
        type="x",
        location_id=sydney.pk,
        occurred_at=datetime(2026, 1, 15, 13, 5, tzinfo=UTC),
        cause_kind="system",
        cause_id="t",
    )
    page = pages("staff").get("/admin/core/event/").content.decode()
    assert re.search(r"16\D+2026\D+(?:12|0|00):05", page)


def test_lists_cost_the_same_however_long(
    pages: Any, sydney: Location, django_assert_max_num_queries: Any
) -> None:
    def count() -> int:
        with django_assert_max_num_queries(25) as made:
            assert client.get("/admin/accounts/user/").status_code == 200
        return len(made)

    client = pages("admin")
    few = count()
    for number in range(20):
        user = User.objects.create_user(f"u{number}@demo.test", "x", name=f"U {number}")
        Membership.objects.create(user=user, location=sydney, role="staff")
    assert count() == few


def test_pages_load_nothing_from_elsewhere(pages: Any, sydney: Location) -> None:
    for address in ("/admin/", "/admin/accounts/location/", change(sydney)):
        page = pages("admin").get(address).content.decode()
        assert not re.findall(r'<(?:script|img|link|iframe)[^>]*(?:src|href)="(?:https?:)?//', page)


@pytest.mark.parametrize("page", ["core_event", "core_work", "bookings_booking", "messaging_message"])
def test_no_list_counts_further_than_a_person_would_page(
    pages: Any, page: str, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(60) as queries:
        assert pages("admin").get(reverse(f"admin:{page}_changelist")).status_code == 200
    counts = [query["sql"] for query in queries if "COUNT(*)" in query["sql"]]
    assert counts
    assert all(0 < int(re.search(r"LIMIT (\d+)|$", count)[1] or 0) <= 10_000 for count in counts)
