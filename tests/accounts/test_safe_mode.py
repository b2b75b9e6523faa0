"""The page by which owners end safe mode."""

from __future__ import annotations

from typing import Any

from accounts import sending_stops
from accounts.models import Location
from core.causes import Cause
from core.models import Work

URL = "/admin/safe-mode/"


def test_an_owner_ends_safe_mode_by_a_button_that_every_page_leads_to(sydney: Location, pages: Any) -> None:
    sending_stops.stop(kind="safe_mode", reason="Restored from a backup.", cause=Cause.system("test"))
    Work.objects.all().delete()
    owner = pages("admin")
    assert f'href="{URL}"' in owner.get("/admin/").content.decode()
    assert "Restored from a backup." in owner.get(URL).content.decode()
    assert owner.post(URL).status_code == 302
    assert not sending_stops.where()[0]
    assert "Safe mode is not on" in owner.get(URL).content.decode()


def test_the_button_waits_for_work_unless_told_not_to(sydney: Location, pages: Any) -> None:
    sending_stops.stop(kind="safe_mode", reason="Restored.", cause=Cause.system("test"))
    Work.objects.all().delete()
    Work.objects.create(handler="any", due_at=sydney.created_at)
    owner = pages("admin")
    assert "1 items of work wait" in owner.get(URL).content.decode()
    owner.post(URL)
    assert sending_stops.where()[0]
    owner.post(URL, {"force": "on"})
    assert not sending_stops.where()[0]


def test_others_see_the_banner_and_no_way_out(sydney: Location, pages: Any) -> None:
    sending_stops.stop(kind="safe_mode", reason="Restored.", cause=Cause.system("test"))
    for who in ("manager", "staff", "readonly"):
        client = pages(who)
        assert f'href="{URL}"' not in client.get("/admin/").content.decode()
        assert (client.get(URL).status_code, client.post(URL).status_code) == (403, 403)
    assert sending_stops.where()[0]
