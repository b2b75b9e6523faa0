"""Settings of a clinic's server. What is missing from the environment stops the start, by name."""

from __future__ import annotations

from avatar_cms.logs import configuration as logging_configuration
from avatar_cms.settings.base import *  # noqa: F403
from avatar_cms.settings.base import STORAGES, env

ENVIRONMENT_NAME = env.str("ENVIRONMENT_NAME", "production")
INSTALLATION = env.str("INSTALLATION", ENVIRONMENT_NAME)
DEBUG = False
SECRET_KEY = env.str("SECRET_KEY")
FIELD_ENCRYPTION_KEYS = env.list("FIELD_ENCRYPTION_KEYS")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS")
DEMO_PASSWORD = ""
DEMO_CLOCK_FILE = ""

for _required in ("DATABASE_URL", "REDIS_URL"):
    env.str(_required)

# The proxy in front ends TLS and must set this header itself, whatever the caller sent.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", True)
SECURE_REDIRECT_EXEMPT = [r"^(health(/ready)?|metrics)/?$"]
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", 365 * 24 * 3600)
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
SESSION_COOKIE_NAME = "__Host-sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken"

WHITENOISE_USE_FINDERS = False
STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}}

LOGGING = logging_configuration(json=True, level=env.str("LOG_LEVEL", "INFO"))
