from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from psycopg import sql

from tests.harness import servers
from tests.harness.databases import TestDatabase, point_django_at


@pytest.fixture
def other_database(transactional_db: None, test_database: TestDatabase) -> Iterator[Any]:
    """`other_database()` lets Django work on a new, empty database from then on; the test's own comes back after it."""
    name = f"{test_database.name}_restored"
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))

    def begin() -> str:
        with test_database.address.connect("postgres") as connection:
            connection.execute(drop)
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'").format(
                    sql.Identifier(name), sql.Identifier(servers.OWNER)
                )
            )
        point_django_at(test_database.address, name)
        return name

    yield begin
    point_django_at(test_database.address, test_database.name)
    with test_database.address.connect("postgres") as connection:
        connection.execute(drop)


@pytest.fixture(autouse=True)
def embedded_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database of the tests is a given one."""
    monkeypatch.setattr(settings, "EMBEDDED_DATABASE", False)
