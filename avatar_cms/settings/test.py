"""Settings of the tests: nothing from `.env`, two database roles, a broker database of their own.

The harness (tests/harness) starts the servers and fills in where they are before the first connection.
"""

from __future__ import annotations

import os

os.environ["ENV_FILE"] = os.devnull
if "CHILD_OF_A_TEST" not in os.environ:
    for _name in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL"):
        os.environ.pop(_name, None)

from avatar_cms.settings.base import *  # noqa: F403
from avatar_cms.settings.base import DATABASES

ENVIRONMENT_NAME = "test"
INSTALLATION = ""
DEMO_CLOCK_FILE = ""
SECRET_KEY = "only for tests: nothing is signed with this outside them, and it is long enough"
FIELD_ENCRYPTION_KEYS = ["dGVzdHMtb25seS1rZXktdGVzdHMtb25seS1rZXktMTI="]
ALLOWED_HOSTS = ["testserver", "127.0.0.1", "localhost"]
DEMO_PASSWORD = "demo-password-of-the-tests"
WIX_WEBHOOK_SECRET = "wix-secret-of-the-tests"
SMS_WEBHOOK_TOKEN = "sms-token-of-the-tests"

for _settings in DATABASES.values():
    _settings["CONN_MAX_AGE"] = 0
    _settings["CONN_HEALTH_CHECKS"] = False

# Hashing on purpose slowly is what passwords need and tests do not.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

WHITENOISE_AUTOREFRESH = True
