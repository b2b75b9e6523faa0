"""What a merge does to rows, written down while it does it, and taken back from what was written.

A row is given back only where it still is with the survivor, and restored only where nobody changed since what
the merge had written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.apps import apps
from django.db import models

from core import clock


@dataclass
class Journal:
    """`moves` and `changes` of one merge, as `ContactMerge` stores them."""

    moves: list[list[Any]] = field(default_factory=list)
    changes: list[list[Any]] = field(default_factory=list)

    def repoint(self, rows: models.QuerySet[Any], column: str, *, old: int, new: int) -> int:
        """Point rows, whose `column` is `old`, at `new`; how many they were."""
        ids = sorted(rows.values_list("pk", flat=True))
        if ids:
            self.moves.append([rows.model._meta.label_lower, column, old, new, ids])
            _write(rows.model, ids, column, new)
        return len(ids)

    def changed(self, row: models.Model, before: Mapping[str, Any]) -> None:
        """Note which of these columns of a row have another value now; the caller saves the row."""
        label = row._meta.label_lower
        for column, old in before.items():
            new = getattr(row, column)
            if new != old:
                self.changes.append([label, row.pk, column, _plain(old), _plain(new)])


def values(row: models.Model, columns: Iterable[str]) -> dict[str, Any]:
    """The present values of a row, for `Journal.changed`."""
    return {column: getattr(row, column) for column in columns}


def give_back(moves: Sequence[Sequence[Any]]) -> dict[str, set[int]]:
    """Point back, last first, what still points where the merge put it; the ids by model."""
    back: dict[str, set[int]] = defaultdict(set)
    for label, column, old, new, ids in reversed(moves):
        model = apps.get_model(label)
        still = list(
            model._base_manager.filter(pk__in=ids, **{column: new})
            .order_by("pk")
            .values_list("pk", flat=True)
        )
        _write(model, still, column, old)
        back[label] |= set(still)
    return dict(back)


@dataclass(frozen=True)
class Restored:
    """Rows that are as they were before the merge, with the columns that were set back; and those that somebody
    changed since, which were left alone. Both by model.
    """

    rows: dict[str, dict[int, list[str]]]
    left: dict[str, set[int]]


def restore(changes: Iterable[Sequence[Any]]) -> Restored:
    """Set rows back to what they were, each as a whole: one of whose columns was changed since is left alone."""
    wanted: dict[str, dict[int, list[Sequence[Any]]]] = defaultdict(lambda: defaultdict(list))
    for label, pk, *change in changes:
        wanted[label][pk].append(change)
    restored = Restored({}, {})
    for label, by_row in wanted.items():
        model = apps.get_model(label)
        rows = model._base_manager.filter(pk__in=by_row).select_for_update(no_key=True).order_by("pk")
        found = [row for row in rows if all(_stands(row, change) for change in by_row[row.pk])]
        for row in found:
            for column, old, _ in by_row[row.pk]:
                setattr(row, column, read(model, column, old))
        columns = sorted({_name(model, change[0]) for changes in by_row.values() for change in changes})
        model._base_manager.bulk_update(found, columns)
        restored.rows[label] = {row.pk: [change[0] for change in by_row[row.pk]] for row in found}
        restored.left[label] = by_row.keys() - restored.rows[label].keys()
    return restored


def read(model: type[models.Model], column: str, plain: Any) -> Any:
    """A stored value as the model holds it."""
    return model._meta.get_field(_name(model, column)).to_python(plain)  # type: ignore[union-attr]


def _stands(row: models.Model, change: Sequence[Any]) -> bool:
    column, _, new = change
    return bool(getattr(row, column) == read(type(row), column, new))


def _name(model: type[models.Model], column: str) -> str:
    return next(f.name for f in model._meta.concrete_fields if column in (f.name, f.attname))


def _write(model: type[models.Model], ids: Sequence[int], column: str, value: int) -> None:
    if ids:
        at = {"updated_at": clock.now()} if hasattr(model, "updated_at") else {}
        model._base_manager.filter(pk__in=ids).update(**{column: value}, **at)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | datetime) else value
