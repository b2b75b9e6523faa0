"""Settings of the system that chaos befalls: those of a clinic's own server, on servers of its own.

What differs from a real installation stands in `tests.chaos.quick`, and nowhere else.
"""

from __future__ import annotations

import os

os.environ["ENV_FILE"] = os.devnull

from avatar_cms.settings.base import *  # noqa: F403
from avatar_cms.settings.base import INSTALLED_APPS

ENVIRONMENT_NAME = "chaos"
SECRET_KEY = "only for chaos: nothing is signed with this outside it, and it is long enough"
FIELD_ENCRYPTION_KEYS = ["dGVzdHMtb25seS1rZXktdGVzdHMtb25seS1rZXktMTI="]
INSTALLED_APPS = [*INSTALLED_APPS, "tests.chaos.apps.ChaosConfig"]
WHITENOISE_AUTOREFRESH = True
