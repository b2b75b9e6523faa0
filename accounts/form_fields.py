"""Form fields of settings pages: a week of hours, days, money, a calendar of holidays. What is typed is checked
where it stands, and what is stored keeps its form.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.template.loader import render_to_string
from django.utils.datastructures import MultiValueDict
from django.utils.safestring import SafeString, mark_safe
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from accounts import calendars, hours

DAY_NAMES = dict(
    zip(
        hours.WEEKDAYS,
        ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
        strict=True,
    )
)


class MoneyField(forms.DecimalField):
    """Whole cents inside, or smaller parts; dollars for whoever types them. `scale` is how many digits behind the
    point are kept: 2 for cents, 5 for thousandths of a cent.
    """

    widget = UnfoldAdminDecimalFieldWidget

    def __init__(self, *, required: bool = False, scale: int = 2, **kwargs: Any) -> None:
        super().__init__(required=required, min_value=0, max_digits=7 + scale, decimal_places=scale, **kwargs)
        self.scale = scale

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, int):
            return value
        dollars = Decimal(value).scaleb(-self.scale)
        return dollars if dollars != (cents := round(dollars, 2)) else cents

    def clean(self, value: Any) -> int | None:
        typed: Decimal | None = super().clean(value)
        return None if typed is None else int(typed.scaleb(self.scale))

    def has_changed(self, initial: int | None, data: Any) -> bool:
        try:
            return initial != self.clean(data)
        except ValidationError:
            return True


class TimeWidget(UnfoldAdminTextInputWidget):
    """A time of day, picked or typed."""

    input_type = "time"

    def format_value(self, value: Any) -> Any:
        return f"{value:%H:%M}" if isinstance(value, time) else value


class _Drawn(forms.Widget):
    """A widget of several inputs, drawn by a template of ours."""

    drawn_by = ""

    def parts(self, name: str, value: Any) -> dict[str, Any]:
        raise NotImplementedError

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        shown = {"name": name, "id": (attrs or {}).get("id", f"id_{name}"), **self.parts(name, value)}
        return mark_safe(render_to_string(self.drawn_by, shown))

    def id_for_label(self, id_: str) -> str:
        return ""  # it labels a group

    def posted(self, name: str, value: Any) -> dict[str, Any]:
        """What a browser would send back for this value."""
        raise NotImplementedError


class WeekWidget(_Drawn):
    """A row for each weekday with its spans; at least two pairs of times, and always an empty one."""

    drawn_by = "accounts/widgets/week.html"

    def __init__(self, closed: str = "Closed") -> None:
        super().__init__()
        self.closed = closed

    def parts(self, name: str, value: Any) -> dict[str, Any]:
        week = value if isinstance(value, Mapping) else {}
        days = []
        for day, label in DAY_NAMES.items():
            typed = week.get(day) or []
            entry: Any = typed if isinstance(typed, Mapping) else {"closed": not typed, "spans": typed}
            spans = [list(span) for span in entry["spans"]]
            spans += [["", ""]] * max(1, 2 - len(spans))
            days.append({"key": day, "label": label, "closed": entry["closed"], "spans": spans})
        return {"days": days, "closed": self.closed}

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> dict[str, Any]:
        return {day: self._day(data, f"{name}-{day}") for day in hours.WEEKDAYS}

    def _day(self, data: Mapping[str, Any], prefix: str) -> dict[str, Any]:
        spans = []
        number = 0
        while f"{prefix}-{number}-from" in data:
            pair = [str(data.get(f"{prefix}-{number}-{end}", "")).strip() for end in ("from", "to")]
            spans += [pair] if any(pair) else []
            number += 1
        return {"closed": f"{prefix}-closed" in data, "spans": spans}

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return not any(f"{name}-{day}-0-from" in data for day in hours.WEEKDAYS)

    def posted(self, name: str, value: Any) -> dict[str, Any]:
        sent: dict[str, Any] = {}
        for day in self.parts(name, value)["days"]:
            if day["closed"]:
                sent[f"{name}-{day['key']}-closed"] = "on"
            for number, (opens, closes) in enumerate(day["spans"]):
                sent |= {
                    f"{name}-{day['key']}-{number}-from": opens,
                    f"{name}-{day['key']}-{number}-to": closes,
                }
        return sent


class WeekField(forms.Field):
    """Hours of a week, stored as `accounts.hours` reads them."""

    def __init__(self, *, closed: str = "Closed", **kwargs: Any) -> None:
        super().__init__(required=False, widget=WeekWidget(closed), **kwargs)
        self.closed = closed

    def clean(self, value: Any) -> dict[str, list[list[str]]]:
        errors: list[str] = []
        week: dict[str, list[list[str]]] = {}
        for day, label in DAY_NAMES.items():
            typed = value[day]
            week[day] = [] if typed["closed"] else sorted(typed["spans"])
            try:
                self._check(day, label, typed)
            except ValueError as error:
                errors.append(str(error))
        if errors:
            raise ValidationError(errors)
        return week

    def _check(self, day: str, label: str, typed: Mapping[str, Any]) -> None:
        if typed["closed"]:
            return
        if not typed["spans"]:
            raise ValueError(f"{label}: give times, or tick “{self.closed}”.")
        for opens, closes in typed["spans"]:
            if not (opens and closes):
                raise ValueError(f"{label}: give both times, from and to.")
        try:
            hours.parse_week({day: sorted(typed["spans"])})
        except ValueError as error:
            raise ValueError(str(error).replace(f"{day}:", f"{label}:", 1)) from error

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            stored = {day: list((initial or {}).get(day) or []) for day in hours.WEEKDAYS}
            return stored != self.clean(data)
        except ValidationError:
            return True


class DaysWidget(_Drawn):
    """Dates, each in an input of its own, with room for three more."""

    drawn_by = "accounts/widgets/days.html"

    def parts(self, name: str, value: Any) -> dict[str, Any]:
        return {"days": [*(value or []), "", "", ""]}

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[str]:
        given = data.getlist(name) if isinstance(data, MultiValueDict) else data.get(name) or []
        return [str(day).strip() for day in given if str(day).strip()]

    def posted(self, name: str, value: Any) -> dict[str, Any]:
        return {name: list(value or [])}


class DaysField(forms.Field):
    """Days of the calendar, stored as ["2026-12-24", …] in order, each once."""

    widget = DaysWidget

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)

    def clean(self, value: list[str]) -> list[str]:
        wrong = [day for day in value if not _is_day(day)]
        if wrong:
            raise ValidationError([f"“{day}” is not a date. Give day, month and year." for day in wrong])
        return sorted(set(value))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return sorted(initial or []) != sorted(set(data))


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def choice(pairs: list[Any], present: str, **kwargs: Any) -> forms.ChoiceField:
    """A choice that keeps what is stored even when it is none of the usual ones."""
    known = {key for _, group in pairs if isinstance(group, list) for key, _ in group}
    known |= {key for key, label in pairs if not isinstance(label, list)}
    more = [] if present in known else [(present, present)]
    return forms.ChoiceField(choices=[*more, *pairs], widget=UnfoldAdminSelectWidget(), **kwargs)


def calendar_choices() -> list[Any]:
    """Calendars of public holidays as "AU:NSW", by country; "" for none."""
    groups: list[Any] = [("", "None: only the clinic's own closing days")]
    for code, name in calendars.COUNTRIES.items():
        whole = [(f"{code}:", f"{name}, national only")]
        parts = sorted(calendars.states(code).items(), key=lambda item: item[1])
        groups.append((name, whole + [(f"{code}:{state}", f"{label} ({state})") for state, label in parts]))
    return groups


def zone_choices() -> list[Any]:
    """Time zones by country."""
    return [
        (name, [(zone, zone.replace("_", " ")) for zone in calendars.zones(code)])
        for code, name in calendars.COUNTRIES.items()
    ]
