"""The two database roles: the owner's tables are open to the application's role for rows, and for nothing else."""

from __future__ import annotations

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql


def grant_application_role(owner: BaseDatabaseWrapper) -> None:
    """Let the application's role work with the rows of what the owner has made and will make in this schema.

    Does nothing when both are one role. Append-only tables take rights back in their own migrations, and this does
    not return them: rights on existing tables are granted only where the role has none yet.
    """
    application = settings.DATABASES["default"].get("USER") or ""
    if not application or application == (settings.DATABASES["owner"].get("USER") or ""):
        return
    role = sql.Identifier(application)
    statements = [
        "GRANT USAGE ON SCHEMA public TO {role}",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {role}",
    ]
    with owner.cursor() as cursor:
        for statement in statements:
            cursor.execute(sql.SQL(statement).format(role=role))
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') "
            "AND relowner = current_user::regrole AND NOT has_table_privilege(%s, oid, 'SELECT')",
            [application],
        )
        for (table,) in cursor.fetchall():
            cursor.execute(
                sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {role}").format(
                    table=sql.Identifier(table), role=role
                )
            )
