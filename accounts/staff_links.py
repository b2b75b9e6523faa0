"""Addresses of rows in the admin, and links to them."""

from __future__ import annotations

from django.contrib.admin.utils import quote
from django.db import models
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts import pages


def key_of(row: models.Model) -> str:
    """What stands for the row in addresses: its public id where it has one."""
    return str(getattr(row, "public_id", None) or quote(row.pk))


def change_url(row: models.Model) -> str:
    """The row's page in the admin, by public id where it has one."""
    name = f"{row._meta.app_label}_{row._meta.model_name}_change"
    public_id = getattr(row, "public_id", None)
    return pages.address(name, public_id) if public_id else reverse(f"admin:{name}", args=(quote(row.pk),))


def link_to(row: models.Model | None, text: object = None) -> SafeString | str:
    """A link to the row's page, for columns and read-only fields; "-" for no row."""
    return "-" if row is None else format_html('<a href="{}">{}</a>', change_url(row), text or str(row))
