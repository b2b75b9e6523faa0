"""How the system logs: one line an entry, JSON in production, no personal data and no secret."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import structlog
from django.http import HttpRequest
from structlog.typing import EventDict, WrappedLogger

from avatar_cms.log_errors import written

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
_PHONE = re.compile(r"(?<![\w-])\+?\d(?:[\s()-]?\d){8,14}(?![\w-])")
#: The last part of a webhook's address is its secret.
_WEBHOOK = re.compile(r"(/webhooks/(?:[a-z-]{1,19}/)+)[\w.-]{20,}")
#: Times and ids look like phone numbers; these keys never hold one.
_SAFE_KEYS = frozenset(
    {"timestamp", "request_id", "item", "items", "event_id", "work", "job_id", "run", "receipt"}
)


def redact(_logger: WrappedLogger, _method: str, entry: EventDict) -> EventDict:
    """Mask what looks like an e-mail address, a phone number or a webhook's secret address, wherever it hides."""
    return {key: value if key in _SAFE_KEYS else _masked(value) for key, value in entry.items()}


def _masked(value: Any) -> Any:
    if isinstance(value, HttpRequest):
        # Without its query, which may be a name somebody searched for.
        value = f"{value.method} {value.path}"
    if isinstance(value, BaseException):
        return type(value).__qualname__
    if isinstance(value, Mapping):
        return {key: _masked(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(one) for one in value]
    if isinstance(value, str):
        return _PHONE.sub("[phone]", _EMAIL.sub("[email]", _WEBHOOK.sub(r"\1[token]", value)))
    return value


def tell_errors(_logger: WrappedLogger, _method: str, entry: EventDict) -> EventDict:
    """Put an error's kinds and frames in `exception`, and none of its words."""
    given = entry.pop("exc_info", None)
    if given is True:
        given = sys.exc_info()
    error = given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        entry["exception"] = written(error)
    entry.pop("stack_info", None)
    return entry


def job_failed(record: logging.LogRecord) -> bool:
    """Of a job that failed, Celery would quote the error's words and the job's arguments: its kind and frames are kept,
    the job's name and id stand on the line anyway.
    """
    told = record.__dict__.pop("data", None)
    if isinstance(told, dict):
        record.msg, record.args = "job failed", ()
        record.__dict__.update(job=told.get("name"), job_id=told.get("id"))
    return True


def not_a_health_check(record: logging.LogRecord) -> bool:
    """Leave out "503" of /health/ready: who asks is told, and asks every second while a start takes its time."""
    return "/health/ready" not in record.getMessage()


def _plain(value: Any) -> str:
    """A value that JSON has no word for, by its kind: its own words may be anybody's."""
    return str(value) if isinstance(value, UUID | datetime | Decimal) else f"<{type(value).__qualname__}>"


def configuration(*, json: bool, level: str) -> dict[str, Any]:
    """The LOGGING setting."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[Any] = (
        [tell_errors, redact, structlog.processors.JSONRenderer(default=_plain)]
        if json
        else [
            structlog.processors.format_exc_info,
            redact,
            structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0),
        ]
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "lines": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": shared,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
            }
        },
        "filters": {
            "not_a_health_check": {
                "()": "django.utils.log.CallbackFilter",
                "callback": not_a_health_check,
            },
            "job_failed": {"()": "django.utils.log.CallbackFilter", "callback": job_failed},
        },
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            "django": {"handlers": [], "level": level, "propagate": True},
            "django.request": {"filters": ["not_a_health_check"], "level": level, "propagate": True},
            "django.server": {"handlers": [], "propagate": True},
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"filters": ["job_failed"], "level": "WARNING"},
            "celery.beat": {"level": "WARNING"},
            "django_celery_beat": {"level": "WARNING"},
        },
    }
