"""Django's own checks: models and migrations agree, and production settings pass `check --deploy` without a word."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
#: What a clinic's server would give; nothing is connected to.
PRODUCTION = {
    "DJANGO_SETTINGS_MODULE": "avatar_cms.settings.production",
    "ENV_FILE": os.devnull,
    "SECRET_KEY": "0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "FIELD_ENCRYPTION_KEYS": "bGludC1vbmx5LWtleS1saW50LW9ubHkta2V5LTEyMzQ=",
    "ALLOWED_HOSTS": "cms.example.com",
    "DATABASE_URL": "postgres://application@db.example.com/avatar",
    "DATABASE_OWNER_URL": "postgres://owner@db.example.com/avatar",
    "REDIS_URL": "rediss://redis.example.com/0",
}
COMMANDS = (
    # An unreachable database is no fault of the migrations: whether they are complete is told by the files.
    (["makemigrations", "--check", "--dry-run"], {"DJANGO_SETTINGS_MODULE": "avatar_cms.settings.test"}),
    (["check", "--deploy", "--fail-level", "WARNING"], PRODUCTION),
)


def main() -> int:
    """Run them; the exit code is 1 when one fails."""
    failed = False
    for command, environment in COMMANDS:
        done = subprocess.run(
            [
                sys.executable,
                "-W",
                "ignore:Got an error checking a consistent migration",
                "manage.py",
                *command,
            ],
            cwd=CHECKOUT,
            env={**os.environ, **environment},
            check=False,
        )
        failed = failed or done.returncode != 0
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
