"""The rows of a list in the admin, looking as the theme draws them. The theme works out its headers anew for each
row and renders templates for every box, label and menu; here what is the same in all rows is drawn once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, time
from typing import Any

from django import template
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.templatetags.admin_urls import add_preserved_filters
from django.contrib.admin.utils import lookup_field
from django.core.exceptions import ObjectDoesNotExist
from django.db import models
from django.template.loader import render_to_string
from django.utils.hashable import make_hashable
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy
from unfold.templatetags.unfold_list import CHECKBOX_CLASSES, LINK_CLASSES, ROW_CLASSES, result_headers
from unfold.utils import display_for_field, display_for_label, display_for_value
from unfold.views import ChangeList
from unfold.widgets import UnfoldBooleanWidget

from accounts.staff_links import key_of

register = template.Library()

#: Stands for a row's key in what is drawn once and put into every row.
KEY = "__key__"
BOX, SELECT = "action_checkbox", gettext_lazy("Select record")


@register.inclusion_tag("accounts/_list.html", takes_context=True)
def staff_list(context: Any, cl: ChangeList) -> dict[str, Any]:
    """A list's table, or the words for a list without rows."""
    headers = list(result_headers(cl))
    return {
        "cl": cl,
        "result_headers": headers,
        "num_sorted_fields": sum(bool(header["sortable"] and header["sorted"]) for header in headers),
        "rows": list(_rows(cl, [header["text"] for header in headers], context.get("actions_row"))),
        "has_add_permission": cl.model_admin.has_add_permission(context["request"]),
    }


def _rows(cl: ChangeList, headings: list[Any], actions: Any) -> Iterator[SafeString]:
    """The cells of each row."""
    links = cl.list_display_links or ()
    columns = [
        _Column(cl, name, heading, name in links, name in links[:1])
        for name, heading in zip(cl.list_display, headings, strict=True)
    ]
    box = UnfoldBooleanWidget({"class": "action-select", "aria-label": SELECT}, lambda value: False)
    box = box.render(ACTION_CHECKBOX_NAME, KEY)
    menu = render_to_string("unfold/helpers/actions_row.html", {"actions": actions, "key": KEY})
    filters = None
    for row in cl.result_list:
        url = cl.url_for_result(row)
        if filters is None:
            kept = {"preserved_filters": cl.preserved_filters, "opts": cl.opts}
            filters = add_preserved_filters(kept, url).removeprefix(url)
        cells = [
            column.around(box.replace(KEY, str(row.pk)))
            if column.name == BOX
            else column.cell(row, url + filters)
            for column in columns
        ]
        yield mark_safe("".join(cells) + menu.replace(KEY, key_of(row)))


class _Column:
    """What a column's cells share."""

    def __init__(self, cl: ChangeList, name: str, heading: Any, linked: bool, heads_row: bool) -> None:
        self.admin, self.name, self.linked = cl.model_admin, name, linked
        box = name == BOX
        self.tag = "th" if heads_row else "td"
        self.classes = " ".join(CHECKBOX_CLASSES if box else (f"field-{name}", *ROW_CLASSES))
        self.heading = conditional_escape(SELECT if box else heading)
        self.drawn: dict[Any, str] = {}

    def around(self, content: str, classes: str = "") -> str:
        """A cell with this content, which is safe."""
        return (
            f'<{self.tag} class="{self.classes}{classes}" data-label="{self.heading}">{content}</{self.tag}>'
        )

    def cell(self, row: models.Model, url: str) -> str:
        """The row's value; a link to the row where the column is one."""
        shown, unbroken = self._shown(row)
        content = conditional_escape(shown)
        if self.linked:
            content = format_html('<a href="{}" class="{}">{}</a>', url, " ".join(LINK_CLASSES), shown)
        return self.around(content, " nowrap" if unbroken else "")

    def _shown(self, row: models.Model) -> tuple[Any, bool]:
        """The value as it is shown, and whether it stays on one line."""
        empty = self.admin.get_empty_value_display()
        try:
            field, attr, value = lookup_field(self.name, row, self.admin)
        except ObjectDoesNotExist:
            return empty, False
        empty = getattr(attr, "empty_value_display", empty)
        if field is None or field.auto_created:
            if label := getattr(attr, "label", False):
                return self._once(value, lambda: display_for_label(value, empty, label)), False
            if getattr(attr, "boolean", False):
                return self._once(value, lambda: display_for_value(value, empty, True)), False
            return display_for_value(value, empty), isinstance(value, date | time)
        if isinstance(field, models.ForeignKey):
            return (empty if value is None else value), True
        if isinstance(field, models.BooleanField):
            return self._once(value, lambda: display_for_field(value, field, empty)), False
        return display_for_field(value, field, empty), isinstance(field, models.DateField | models.TimeField)

    def _once(self, value: Any, draw: Callable[[], str]) -> str:
        """Drawn by a template, so once for all rows that share the value."""
        key = make_hashable(value)
        if key not in self.drawn:
            self.drawn[key] = draw()
        return self.drawn[key]
