from __future__ import annotations

from typing import Any

import pytest
from django.core.management import call_command

from accounts import seeds
from accounts.models import Location, Membership, User
from integrations.models import Provider
from tests.accounts.conftest import PASSWORD
from tests.factories.integrations import make_account, make_sender


def test_the_demo_has_two_clinics_and_four_people(staff: dict[str, User]) -> None:
    assert {(row.code, row.time_zone) for row in Location.objects.all()} == {
        ("sydney", "Australia/Sydney"),
        ("melbourne", "Australia/Melbourne"),
    }
    assert {(m.user.email, m.role, m.location and m.location.code) for m in Membership.objects.all()} == {
        ("admin@demo.test", "admin", None),
        ("manager@demo.test", "manager", "sydney"),
        ("staff@demo.test", "staff", "sydney"),
        ("readonly@demo.test", "readonly", "sydney"),
    }
    assert all(user.check_password(PASSWORD) for user in staff.values())


def test_seeding_again_adds_what_is_gone_and_keeps_what_staff_changed(
    staff: dict[str, User], settings: Any
) -> None:
    Location.objects.filter(code="sydney").update(name="Our own name")
    Membership.objects.filter(user=staff["staff"]).update(role="manager")
    staff["readonly"].delete()
    settings.DEMO_PASSWORD = "some-other-Phrase-3"
    seeds.seed(demo=True)
    assert Location.objects.get(code="sydney").name == "Our own name"
    assert Membership.objects.get(user=staff["staff"]).role == "manager"
    assert User.objects.get(email="staff@demo.test").check_password(PASSWORD)
    assert User.objects.get(email="readonly@demo.test").role == "readonly"
    assert (Location.objects.count(), User.objects.count()) == (2, 4)


@pytest.mark.django_db
def test_a_clinic_seeded_before_it_could_send_e_mails_gets_a_sender_of_them_and_a_real_one_none() -> None:
    call_command("seed", verbosity=0)
    sydney, melbourne = Location.objects.order_by("-code")
    sydney.sender_identities.filter(value__contains="@").delete()
    melbourne.sender_identities.all().delete()
    real = make_account(melbourne, Provider.CLICKSEND)
    make_sender(real, value="+61400000001")
    call_command("seed", verbosity=0)
    assert set(sydney.sender_identities.values_list("value", flat=True)) == {
        "+61255501000", "hello@sydney.example",
    }  # fmt: skip
    assert list(melbourne.sender_identities.values_list("value", flat=True)) == ["+61400000001"]


@pytest.mark.django_db
def test_without_the_demo_nothing_is_seeded() -> None:
    seeds.seed(demo=False)
    assert not Location.objects.exists()
    assert not User.objects.exists()
