"""The web application, for gunicorn."""

from __future__ import annotations

import os
from importlib import import_module

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "avatar_cms.settings.base")

application = get_wsgi_application()

# Addresses are read at the first request otherwise, once in every worker.
import_module("avatar_cms.urls")
