"""The figures on a full database: no table is read through, whatever its history. With ROWS and -s it tells times."""

from __future__ import annotations

import os
from time import perf_counter
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Location
from avatar_cms.state import checks, counts, hearing, parked
from messaging.models import Message
from tests.operations.test_state import make_account, make_message

ROWS = int(os.environ.get("ROWS", "20000"))
_WORK = """
INSERT INTO core_work (public_id, handler, location_id, subject, args, due_at, state, attempts, fence,
    last_error, created_at)
SELECT gen_random_uuid(), 'x', %(location)s, '', '{}', now() + (i - %(rows)s * 9 / 10) * interval '10 s',
    CASE WHEN i > %(rows)s * 9 / 10 THEN 'pending' WHEN i %% 5000 = 0 THEN 'parked' ELSE 'done' END, 1, 1, '', now()
FROM generate_series(1, %(rows)s) i
"""
_RECEIPTS = """
INSERT INTO integrations_receipt (public_id, created_at, updated_at, location_id, account_id, kind, external_id,
    subject, headers, body, verified, by_token, state, error, attempts, result)
SELECT gen_random_uuid(), now() - i * interval '10 s', now(), %(location)s, %(account)s, 'booking', 'e' || i, 's', '{}',
    '', true, false, CASE WHEN i %% 5000 = 0 THEN 'parked' ELSE 'applied' END, '', 1, '{}'
FROM generate_series(1, %(rows)s) i
"""
_MESSAGES = """
INSERT INTO messaging_message (public_id, status, send_at, {columns})
SELECT gen_random_uuid(), CASE WHEN i > %(rows)s * 9 / 10 THEN 'scheduled' WHEN i %% 5000 = 0 THEN 'held'
    WHEN i %% 9000 = 1 THEN 'unknown' ELSE 'sent' END, now() + (i - %(rows)s * 9 / 10) * interval '1 min', {values}
FROM generate_series(1, %(rows)s) i, messaging_message m WHERE m.id = %(message)s
"""


@pytest.fixture
def full(sydney: Location) -> None:
    """As many work items, deliveries and messages, most of them long done, a tenth still to come."""
    own = ("id", "public_id", "status", "send_at", "dedupe_key")
    columns = [field.column for field in Message._meta.concrete_fields if field.column not in own]
    names, values = ", ".join(columns), ", ".join(f"m.{name}" for name in columns)
    given = {
        "location": sydney.pk, "account": make_account(sydney).pk, "message": make_message(sydney, "sent").pk,
        "rows": ROWS,
    }  # fmt: skip
    with connection.cursor() as cursor:
        for statement in (_WORK, _RECEIPTS, _MESSAGES.format(columns=names, values=values)):
            cursor.execute(statement, given)
        cursor.execute("ANALYZE core_work, integrations_receipt, messaging_message")


FIGURES: dict[str, Any] = {
    "counts": counts.by_state, "oldest work": counts.oldest_work, "oldest message": counts.oldest_message,
    "unknown": counts.unknown, "heard": hearing.accounts, "parked": parked.totals,
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.django_db
def test_no_figure_reads_a_table_through(full: None) -> None:
    for name, ask in FIGURES.items():
        with CaptureQueriesContext(connection) as queries:
            started = perf_counter()
            ask()
            print(f"{name}: {(perf_counter() - started) * 1000:.0f} ms with {ROWS} rows in each table")
        assert len(queries) > 0, name
        for query in queries:
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (COSTS OFF) {query['sql']}")
                plan = "\n".join(line for (line,) in cursor.fetchall())
            for table in ("core_work", "integrations_receipt", "messaging_message"):
                assert f"Seq Scan on {table}" not in plan, f"{name}\n{plan}"
    started = perf_counter()
    checks.run_all()
    print(f"all checks: {(perf_counter() - started) * 1000:.0f} ms")
