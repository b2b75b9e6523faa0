"""Runs of two contacts that become one: what a rule did for either, it did for the survivor."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, TextField, Value
from django.db.models.functions import Concat, Substr

from automation.models import RuleRun
from contacts import merging
from contacts.merge_journal import values
from contacts.merging import Merge


def move(merge: Merge) -> int:
    """Give the survivor the other's runs, steps that wait included; and let a rule that ran by the clock for the
    one not run again for the same recall date or text of the other.
    """
    mine, theirs = f"contact:{merge.keep.pk}:", f"contact:{merge.away.pk}:"
    rest = Substr("anchor", len(theirs) + 1)
    dated = RuleRun.objects.filter(contact=merge.away, anchor__startswith=theirs)
    anchor = Concat(Value(mine), rest, output_field=TextField())
    taken = RuleRun.objects.filter(rule=OuterRef("rule"), anchor=OuterRef("wanted"))
    runs = list(dated.annotate(wanted=anchor).exclude(Exists(taken)))
    for run in runs:
        before = values(run, ("anchor",))
        run.anchor = run.wanted
        merge.journal.changed(run, before)
    RuleRun.objects.bulk_update(runs, ["anchor"])
    return merge.repoint(RuleRun.objects.filter(contact=merge.away), "contact_id")


def connect() -> None:
    """Called when the app is ready."""
    merging.movers.register("automation.rulerun", move)
