"""Writing many rows at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

from django.db import connection, models


def update_rows(rows: Iterable[models.Model], fields: Sequence[str], *, by: Sequence[str] = ("id",)) -> int:
    """Write these fields of rows of one model in one statement, and say how many were there.

    `by` names the fields that tell which row is meant. As `bulk_update`, whose expressions for each row and field
    cost more than the statement itself. For models that nobody watches, with fields of plain types; a value that
    does not fit raises as ever.
    """
    rows = list(rows)
    if not rows:
        return 0
    quote = connection.ops.quote_name
    meta = rows[0]._meta
    columns = [_field(meta, name) for name in (*by, *fields)]
    names = [quote(str(field.column)) for field in columns]
    arrays = ", ".join(f"%s::{_plain_type(field)}[]" for field in columns)
    same = " AND ".join(f"kept.{name} = given.{name}" for name in names[: len(by)])
    sets = ", ".join(f"{name} = given.{name}" for name in names[len(by) :])
    values = [
        [field.get_db_prep_save(getattr(row, field.attname), connection) for row in rows] for field in columns
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {quote(meta.db_table)} AS kept SET {sets} "
            f"FROM unnest({arrays}) AS given({', '.join(names)}) WHERE {same}",
            values,
        )
        return cursor.rowcount


def _field(meta: Any, name: str) -> models.Field[Any, Any]:
    return cast("models.Field[Any, Any]", meta.get_field(name))


def _plain_type(field: models.Field[Any, Any]) -> str:
    """The column's type without its length: a cast to that would cut what is too long."""
    return str(field.db_type(connection)).split("(")[0]
