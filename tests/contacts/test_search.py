"""Finding contacts: in the transaction of their change, best first, by an index, and checked every night."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contacts import handlers, merging, selectors, services
from contacts.models import Contact, ContactSearch
from tests.factories.contacts import CAUSE, make_contact

pytestmark = pytest.mark.django_db


def find(text, *locations, home=None):
    return list(selectors.find(Contact.objects.all(), text, locations=list(locations), home=home))


def test_a_typo_finds_and_comes_after_what_was_typed(sydney):
    near = make_contact(sydney, name="Sara Nguyem", phone="0412345678")
    exact = make_contact(sydney, name="Sara Nguyen", phone="0412345679")
    assert find("nguyen sara", sydney) == [exact, near]


def test_live_ones_come_before_hidden_ones_and_the_own_clinic_before_others(sydney, melbourne):
    hidden = make_contact(sydney, name="Nora Lind", phone="0412345671")
    services.delete_contact(contact_id=hidden.pk, cause=CAUSE)
    away = make_contact(melbourne, name="Nora Lind", phone="0412345672")
    here = make_contact(sydney, name="Nora Lind", phone="0412345673")
    assert find("nora", sydney, melbourne, home=sydney) == [here, away, hidden]
    assert find("nora", melbourne) == [away]


def test_who_was_merged_is_found_as_the_other_by_both_names(sydney):
    keep = make_contact(sydney, name="Nora Lind", phone="0412345671")
    away = make_contact(sydney, name="Eleonora Berg", phone="0412345672")
    merging.merge_contacts(keep_id=keep.pk, away_id=away.pk, cause=CAUSE)
    assert find("berg", sydney) == [keep]
    assert find("0412345672", sydney) == [keep]


def test_what_differs_is_told_by_the_command_and_mended(sydney, capsys):
    contact = make_contact(sydney, name="Nora Lind")
    call_command("check_search")
    ContactSearch.objects.filter(contact=contact).update(keys=[])
    assert find("nora", sydney) == []
    with pytest.raises(CommandError, match="1 contacts differ"):
        call_command("check_search")
    call_command("check_search", mend=True)
    assert find("nora", sydney) == [contact]


def test_the_nightly_check_writes_missing_keys(sydney, now, run_work):
    contact = make_contact(sydney, name="Nora Lind")
    handlers.plan_checks()
    ContactSearch.objects.all().delete()
    now.advance(timedelta(days=1))
    run_work()
    assert find("nora", sydney) == [contact]


def test_keys_are_looked_up_by_their_index(sydney):
    make_contact(sydney, name="Nora Lind")
    with CaptureQueriesContext(connection) as queries:
        find("nora lind", sydney)
    asked = [query["sql"] for query in queries if 'FROM "contacts_contactsearch"' in query["sql"]]
    assert asked
    with connection.cursor() as cursor:
        # One row is read fastest without any key; what may be used at all is asked here.
        for way in ("seqscan", "indexscan", "indexonlyscan"):
            cursor.execute(f"SET LOCAL enable_{way} = off")
        for sql in asked:
            cursor.execute(f"EXPLAIN {sql}")
            assert "contactsearch_keys" in "\n".join(row[0] for row in cursor.fetchall())
