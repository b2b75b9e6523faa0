"""Many rows written in one statement."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import DataError

from core.models import Work
from core.rows import update_rows

LATER = datetime(2027, 1, 1, tzinfo=UTC)


def works(count):
    return [
        Work.objects.create(
            handler="h", subject=f"s:{n}", due_at=datetime(2026, 1, 1, tzinfo=UTC), dedupe_key=f"k{n}"
        )
        for n in range(count)
    ]


def test_each_row_gets_its_own_values_in_one_statement(db, django_assert_num_queries):
    one, two, other = works(3)
    one.subject, one.due_at = "it's new", LATER
    two.subject, two.dedupe_key = "", None
    with django_assert_num_queries(1):
        assert update_rows([one, two], ("subject", "due_at", "dedupe_key")) == 2

    said = list(Work.objects.order_by("pk").values_list("subject", "due_at", "dedupe_key"))
    assert said == [("it's new", LATER, "k0"), ("", two.due_at, None), ("s:2", other.due_at, "k2")]


def test_rows_are_found_by_other_fields_too(db):
    one, two = works(2)
    assert update_rows([Work(dedupe_key="k1", subject="new")], ("subject",), by=("dedupe_key",)) == 1
    assert update_rows([Work(dedupe_key="nobody", subject="new")], ("subject",), by=("dedupe_key",)) == 0
    assert [Work.objects.get(pk=row.pk).subject for row in (one, two)] == ["s:0", "new"]


def test_no_rows_cost_nothing(db, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert update_rows([], ("subject",)) == 0


def test_what_is_too_long_is_refused_not_cut(db):
    [one] = works(1)
    one.handler = "x" * 1000
    with pytest.raises(DataError):
        update_rows([one], ("handler",))
