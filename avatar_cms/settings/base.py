"""Settings of the demo on one's own machine, and the ground for production and tests.

Everything that differs between machines comes from the environment or `.env`; see `.env.example`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import environ

from avatar_cms import brokers
from avatar_cms.embedded import demo
from avatar_cms.logs import configuration as logging_configuration
from avatar_cms.settings.api import REST_FRAMEWORK as REST_FRAMEWORK
from avatar_cms.settings.api import SPECTACULAR_SETTINGS as SPECTACULAR_SETTINGS
from avatar_cms.settings.unfold import UNFOLD as UNFOLD

BASE_DIR = Path(__file__).resolve().parents[2]

env = environ.Env()
environ.Env.read_env(os.environ.get("ENV_FILE", str(BASE_DIR / ".env")))

# ------------------------------------------------------------------------------------------------- who and where

ENVIRONMENT_NAME = env.str("ENVIRONMENT_NAME", "demo")
#: The database keeps this name: under another one it is a copy, and nothing leaves it (accounts.sending_stops).
INSTALLATION = env.str("INSTALLATION", ENVIRONMENT_NAME)
DEBUG = env.bool("DEBUG", False)
SECRET_KEY = env.str("SECRET_KEY", "")
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", default=[])
FIELD_ENCRYPTION_KEYS: list[str] = env.list("FIELD_ENCRYPTION_KEYS", default=[])
#: Seals backups (32 bytes in URL-safe base64). Without it they are plain.
BACKUP_KEY = env.str("BACKUP_KEY", "")
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])
TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", 0)

DEMO_PASSWORD = env.str("DEMO_PASSWORD", "")
WIX_WEBHOOK_SECRET = env.str("WIX_WEBHOOK_SECRET", "")
WIX_PUBLIC_KEY_FILE = str(BASE_DIR / env.str("WIX_PUBLIC_KEY_FILE", "var/keys/wix_demo.pub.pem"))
WIX_API_URL = env.str("WIX_API_URL", "https://www.wixapis.com").rstrip("/")
SMS_WEBHOOK_TOKEN = env.str("SMS_WEBHOOK_TOKEN", "")
PUBLIC_URL = env.str("PUBLIC_URL", "").rstrip("/")
TWILIO_API_URL = env.str("TWILIO_API_URL", "https://api.twilio.com").rstrip("/")
MESSAGEMEDIA_API_URL = env.str("MESSAGEMEDIA_API_URL", "https://api.messagemedia.com").rstrip("/")
CLICKSEND_API_URL = env.str("CLICKSEND_API_URL", "https://rest.clicksend.com").rstrip("/")
MANYCHAT_WEBHOOK_SECRET = env.str("MANYCHAT_WEBHOOK_SECRET", "")
META_APP_SECRET = env.str("META_APP_SECRET", "")
META_VERIFY_TOKEN = env.str("META_VERIFY_TOKEN", "")
META_GRAPH_URL = env.str("META_GRAPH_URL", "https://graph.facebook.com/v24.0")

# --------------------------------------------------------------------------------------------------- applications

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "avatar_cms.admin_apps.AvatarAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "core",
    "accounts",
    "integrations",
    "contacts",
    "bookings",
    "tasks",
    "messaging",
    "automation",
    "reporting",
    "avatar_cms.apps.AvatarCmsConfig",
]

MIDDLEWARE = [
    "core.log_context.RequestIdMiddleware",
    "avatar_cms.request_metrics.MetricsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "avatar_cms.security.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "accounts.middleware.LocationMiddleware",
    "accounts.middleware.AuditMiddleware",
    "accounts.middleware.UnstorableInputMiddleware",
]

ROOT_URLCONF = "avatar_cms.urls"
WSGI_APPLICATION = "avatar_cms.wsgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# ------------------------------------------------------------------------------------------------------- database

EMBEDDED_DATABASE = not env.str("DATABASE_URL", "")
_application_url = env.str("DATABASE_URL", "") or demo.database_url(demo.APPLICATION_ROLE)
_owner_url = env.str("DATABASE_OWNER_URL", "") or (
    demo.database_url(demo.OWNER_ROLE) if EMBEDDED_DATABASE else _application_url
)
#: The clock that people may move in a demo that runs whole on this machine: every process of it follows this file.
DEMO_CLOCK_FILE = str(demo.clock_file()) if EMBEDDED_DATABASE and ENVIRONMENT_NAME == "demo" else ""


def _database(url: str) -> dict[str, Any]:
    settings: dict[str, Any] = dict(environ.Env.db_url_config(url))
    settings["CONN_MAX_AGE"] = env.int("CONN_MAX_AGE", 60)
    settings["CONN_HEALTH_CHECKS"] = True
    settings["OPTIONS"] = {
        "connect_timeout": 5,
        "application_name": "avatar_cms",
        # Rows lie on solid disks or in memory, so reading here and there costs little more than reading on; and
        # compiling a query takes longer than a page may.
        "options": "-c random_page_cost=1.1 -c jit=off",
        **settings.get("OPTIONS", {}),
    }
    return settings


#: `default` is the application's role: neither owner nor superuser. `owner` migrates (ADR 5).
DATABASES = {"default": _database(_application_url), "owner": {**_database(_owner_url), "CONN_MAX_AGE": 0}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# ------------------------------------------------------------------------------------------- broker, cache, Celery

EMBEDDED_BROKER = not env.str("REDIS_URL", "")
REDIS_URL = brokers.client_url(env.str("REDIS_URL", "") or demo.redis_url())

CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "avatar",
        "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
    }
}

CELERY_BROKER_URL = brokers.kombu_url(REDIS_URL)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {
    # The doorbell is rung inside web requests: it must fail fast. Rows hold the work, so nothing is lost.
    "socket_timeout": 5,
    "socket_connect_timeout": 1,
    "max_retries": 1,
    "visibility_timeout": 300,
    # Without it kombu looks for unacknowledged jobs every 100 s only.
    "unacked_restore_throttle": 1,
}
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SOFT_TIME_LIMIT = 120
CELERY_TASK_TIME_LIMIT = 150
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 5
DJANGO_CELERY_BEAT_TZ_AWARE = True

# ---------------------------------------------------------------------------------------- people, time, languages

AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-au"
USE_I18N = True

# -------------------------------------------------------------------------------------- e-mail and calls to others

#: As in smtp+tls://user:password@mail.example.com:587. Without it no e-mail leaves.
EMAIL_CONFIGURED = bool(env.str("EMAIL_URL", ""))
_email = env.email_url("EMAIL_URL", default="dummymail://")
EMAIL_BACKEND = _email["EMAIL_BACKEND"]
EMAIL_HOST = _email["EMAIL_HOST"] or ""
EMAIL_PORT = _email["EMAIL_PORT"] or 25
EMAIL_HOST_USER = _email["EMAIL_HOST_USER"] or ""
EMAIL_HOST_PASSWORD = _email["EMAIL_HOST_PASSWORD"] or ""
EMAIL_USE_TLS = _email.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = _email.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10
#: Whom e-mails to staff come from.
DEFAULT_FROM_EMAIL = env.str("EMAIL_FROM", "")
#: Hosts that rules may call although they are in a private network.
OUTBOUND_ALLOWED_HOSTS: list[str] = env.list("OUTBOUND_ALLOWED_HOSTS", default=[])

# ------------------------------------------------------------------------------------------------- being looked at

#: Where alerts go (docs/runbook.md): an incoming webhook of Slack, addresses of e-mail. Empty: nowhere.
ALERT_SLACK_URL = env.str("ALERT_SLACK_URL", "")
ALERT_EMAIL: list[str] = env.list("ALERT_EMAIL", default=[])
#: Whoever sends it may read /metrics; empty: nobody, and nothing is counted. The web's processes count in files there.
METRICS_TOKEN = env.str("METRICS_TOKEN", "")
METRICS_DIR = env.str("METRICS_DIR", str(BASE_DIR / "var" / "metrics"))
#: Where errors are told of; empty: nowhere, and Sentry's library is not imported.
SENTRY_DSN = env.str("SENTRY_DSN", "")

# ------------------------------------------------------------------------------------------------ files and looks

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "var" / "static"
WHITENOISE_USE_FINDERS = True
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
MEDIA_ROOT = BASE_DIR / "var" / "media"

# ------------------------------------------------------------------------------------------------------- security

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

LOGGING = logging_configuration(json=env.bool("LOG_JSON", False), level=env.str("LOG_LEVEL", "INFO"))
