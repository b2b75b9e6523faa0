"""What migrations need beyond Django's own operations."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import migrations

_FUNCTION = """
CREATE OR REPLACE FUNCTION core_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$
"""


def short_waits(seconds: int = 5) -> migrations.RunSQL:
    """The first operation of a migration that locks big tables: it gives up after so long a wait for a lock, instead of
    holding up everybody who queues behind it. Nothing was changed then: run `migrate` again.
    """
    return migrations.RunSQL(f"SET LOCAL lock_timeout = '{seconds}s'", migrations.RunSQL.noop)


def append_only(table: str) -> migrations.RunPython:
    """Make a table append-only: triggers refuse UPDATE, DELETE and TRUNCATE, and the application's role loses the
    rights.
    """

    def forwards(apps: Any, schema_editor: Any) -> None:
        quoted = schema_editor.quote_name(table)
        schema_editor.execute(_FUNCTION, params=None)
        schema_editor.execute(
            f"CREATE TRIGGER {table}_rows BEFORE UPDATE OR DELETE ON {quoted} "
            "FOR EACH ROW EXECUTE FUNCTION core_append_only()"
        )
        schema_editor.execute(
            f"CREATE TRIGGER {table}_truncate BEFORE TRUNCATE ON {quoted} "
            "FOR EACH STATEMENT EXECUTE FUNCTION core_append_only()"
        )
        role = application_role(schema_editor.connection)
        if role:
            schema_editor.execute(
                f"REVOKE UPDATE, DELETE, TRUNCATE ON {quoted} FROM {schema_editor.quote_name(role)}"
            )

    def backwards(apps: Any, schema_editor: Any) -> None:
        quoted = schema_editor.quote_name(table)
        schema_editor.execute(f"DROP TRIGGER {table}_rows ON {quoted}")
        schema_editor.execute(f"DROP TRIGGER {table}_truncate ON {quoted}")

    return migrations.RunPython(forwards, backwards)


def application_role(connection: Any) -> str:
    """The role the application runs as, when it exists and is not the one that migrates; else ''."""
    role = settings.DATABASES["default"].get("USER") or ""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolname FROM pg_roles WHERE rolname = %s AND rolname <> current_user",
            [role],
        )
        return role if cursor.fetchone() else ""
