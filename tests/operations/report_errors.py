"""A process that errs in every way, to see what Sentry is told: `python -m tests.operations.report_errors`."""

from __future__ import annotations

import logging
import sys

import django
from django.test import Client, override_settings

if __name__ == "__main__":
    django.setup()
    if "--imported" in sys.argv:
        sys.exit("sentry_sdk" in sys.modules)
    import sentry_sdk

    logger = logging.getLogger("tests")
    logger.error("Could not text %s", "+61412999111", extra={"who": "Canary Person"})
    logger.error("Could not write to canary@example.com")
    sentry_sdk.set_user({"email": "canary@example.com"})
    with override_settings(ROOT_URLCONF="tests.operations.failing_urls", MIDDLEWARE=[]):
        Client(raise_request_exception=False).post(
            "/fail/?email=canary@example.com",
            {"phone": "+61412999111", "note": "Canary body"},
            headers={"X-Name": "Canary Person", "Cookie": "sessionid=canary-session"},
        )
    sentry_sdk.flush(10)
