from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.conditions import FieldSpec, Moment, Reason, Verdict, evaluate, parse
from core.errors import Invalid
from tests.pure.automation.fields import FIELDS

SYDNEY = ZoneInfo("Australia/Sydney")
NOW = datetime(2026, 11, 20, 22, 30, tzinfo=UTC)  # Saturday the 21st, 09:30, in Sydney


def verdict(tree: object, **facts: object) -> Verdict:
    return evaluate(parse(tree, FIELDS), facts, now=NOW, zone=SYDNEY)


def holds(tree: object, **facts: object) -> bool:
    return verdict(tree, **facts).ok


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# One operator at a time


@pytest.mark.parametrize(
    ("op", "wanted", "yes", "no"),
    [
        ("eq", 70, [70, 70.0, Decimal(70)], [69, 71]),
        ("ne", 70, [69, 71], [70]),
        ("gt", 70, [71, 70.01], [70, 69]),
        ("gte", 70, [70, 71], [69]),
        ("lt", 70, [69], [70, 71]),
        ("lte", 70, [69, 70], [71]),
        ("in", [1, 2], [1, 2], [0, 3]),
        ("not_in", [1, 2], [0, 3], [1, 2]),
        ("between", [40, 69], [40, 50, 69], [39, 70]),
    ],
)
def test_numbers_compare(op: str, wanted: object, yes: list[object], no: list[object]) -> None:
    for value in yes:
        assert holds({"warmness_score": {op: wanted}}, warmness_score=value), value
    for value in no:
        assert not holds({"warmness_score": {op: wanted}}, warmness_score=value), value


@pytest.mark.parametrize(
    ("op", "wanted", "yes", "no"),
    [
        ("eq", "Sydney", ["Sydney"], ["sydney", "Sydney "]),
        ("ne", "Sydney", ["sydney", "Perth"], ["Sydney"]),
        ("in", ["a", "b"], ["a", "b"], ["A", "ab"]),
        ("not_in", ["a", "b"], ["A", "ab"], ["a", "b"]),
        ("contains", "SYD", ["sydney", "North Sydney", "SYD"], ["Perth", "S Y D"]),
        ("contains", "straße", ["STRASSE 5"], ["strase"]),
        ("matches", "y|yes", ["y", "YES", " yes\n"], ["yes!", "oh yes", "yess"]),
        ("matches", ".*parking.*", ["Parking", "Where is\nthe parking?"], ["park"]),
        ("matches", "x*", ["x" * 2000, " " + "x" * 2000], ["x" * 2001, "y"]),
        ("matches", ".", ["\ud800"], ["ab"]),
    ],
)
def test_texts_compare(op: str, wanted: object, yes: list[str], no: list[str]) -> None:
    for value in yes:
        assert holds({"city": {op: wanted}}, city=value), value
    for value in no:
        assert not holds({"city": {op: wanted}}, city=value), value


@pytest.mark.parametrize(
    ("op", "wanted", "yes", "no"),
    [
        ("eq", ["b", "a"], [["a", "b"], ("b", "a"), {"a", "b"}], [["a"], [], ["a", "b", "c"]]),
        ("eq", [], [[], ()], [["a"]]),
        ("ne", ["a"], [[], ["b"], ["a", "b"]], [["a"]]),
        ("in", ["a", "b"], [["b", "c"], ["a"]], [["c"], []]),
        ("not_in", ["a", "b"], [["c"], []], [["b", "c"]]),
        ("contains", "a", [["a", "b"], frozenset("a")], [["ab"], []]),
        ("contains", "5", [[5]], [[50]]),
    ],
)
def test_lists_compare_by_their_members(op: str, wanted: object, yes: list[object], no: list[object]) -> None:
    for value in yes:
        assert holds({"tags": {op: wanted}}, tags=value), value
    for value in no:
        assert not holds({"tags": {op: wanted}}, tags=value), value


def test_yes_and_no_are_not_numbers() -> None:
    assert holds({"is_high_risk": True}, is_high_risk=True)
    assert not holds({"is_high_risk": True}, is_high_risk=1)
    assert not holds({"is_high_risk": False}, is_high_risk=0)
    assert holds({"is_high_risk": {"ne": True}}, is_high_risk=False)
    assert not holds({"warmness_score": 1}, warmness_score=True)


def test_choices_compare_exactly_and_by_pattern() -> None:
    assert holds({"current_stage": "contacted"}, current_stage="contacted")
    assert holds({"current_stage": {"matches": "NEW_.*"}}, current_stage="new_lead")
    assert not holds({"current_stage": {"in": ["new_lead"]}}, current_stage="contacted")


def test_durations_are_seconds() -> None:
    assert holds({"stage_age_seconds": {"gte": 14400}}, stage_age_seconds=timedelta(hours=4))
    assert not holds({"stage_age_seconds": {"gte": 14400}}, stage_age_seconds=14399)


# Days and times


@pytest.mark.parametrize(
    ("op", "wanted", "yes", "no"),
    [
        ("eq", "today", ["2026-11-21"], ["2026-11-20", "2026-11-22"]),
        ("eq", "now", ["2026-11-21"], ["2026-11-20"]),
        ("ne", "today", ["2026-11-20"], ["2026-11-21"]),
        ("lte", "today", ["2026-11-21", "2026-11-20"], ["2026-11-22"]),
        ("lt", "today", ["2026-11-20"], ["2026-11-21"]),
        ("gt", "today", ["2026-11-22"], ["2026-11-21"]),
        ("gte", "-90d", ["2026-08-23", "2026-11-21"], ["2026-08-22"]),
        ("gte", "+1w", ["2026-11-28"], ["2026-11-27"]),
        ("between", ["-1d", "2026-11-25"], ["2026-11-20", "2026-11-25"], ["2026-11-19", "2026-11-26"]),
    ],
)
def test_days_are_days_of_the_clinic(op: str, wanted: object, yes: list[str], no: list[str]) -> None:
    for text in yes:
        assert holds({"recall_due_date": {op: wanted}}, recall_due_date=date.fromisoformat(text)), text
        assert holds({"recall_due_date": {op: wanted}}, recall_due_date=text), text
    for text in no:
        assert not holds({"recall_due_date": {op: wanted}}, recall_due_date=date.fromisoformat(text)), text


def test_a_time_seen_where_a_day_is_asked_for_counts_by_its_local_day() -> None:
    assert holds({"recall_due_date": "2026-11-21"}, recall_due_date=utc("2026-11-20T13:00"))
    assert holds({"recall_due_date": "2026-11-20"}, recall_due_date="2026-11-20T12:59:00+00:00")


@pytest.mark.parametrize(
    ("op", "wanted", "yes", "no"),
    [
        ("lt", "now", ["2026-11-20T22:29:59"], ["2026-11-20T22:30:00", "2026-11-20T22:30:01"]),
        ("lte", "now", ["2026-11-20T22:30:00"], ["2026-11-20T22:30:01"]),
        ("gt", "now", ["2026-11-20T22:30:01"], ["2026-11-20T22:30:00"]),
        ("gte", "now", ["2026-11-20T22:30:00"], ["2026-11-20T22:29:59"]),
        ("eq", "now", ["2026-11-20T22:30:00"], ["2026-11-20T22:30:01", "2026-11-20T22:29:59"]),
        ("lt", "-2h", ["2026-11-20T20:29:59"], ["2026-11-20T20:30:00"]),
        ("lt", "-30min", ["2026-11-20T21:59:59"], ["2026-11-20T22:00:00"]),
        ("gte", "-90d", ["2026-08-22T22:30:00"], ["2026-08-22T22:29:59"]),
        # The 21st in Sydney is 13:00 to 13:00 UTC.
        ("eq", "today", ["2026-11-20T13:00:00", "2026-11-21T12:59:59"], ["2026-11-20T12:59:59"]),
        ("eq", "2026-11-21", ["2026-11-20T13:00:00", "2026-11-21T12:59:59"], ["2026-11-21T13:00:00"]),
        ("ne", "today", ["2026-11-21T13:00:00"], ["2026-11-20T13:00:00"]),
        ("lt", "today", ["2026-11-20T12:59:59"], ["2026-11-20T13:00:00"]),
        ("lte", "today", ["2026-11-21T12:59:59"], ["2026-11-21T13:00:00"]),
        ("gt", "today", ["2026-11-21T13:00:00"], ["2026-11-21T12:59:59"]),
        ("gte", "today", ["2026-11-20T13:00:00"], ["2026-11-20T12:59:59"]),
        (
            "between",
            ["today", "now"],
            ["2026-11-20T13:00:00", "2026-11-20T22:30:00"],
            ["2026-11-20T22:30:01"],
        ),
        ("gte", "2026-11-21T09:00", ["2026-11-20T22:00:00"], ["2026-11-20T21:59:59"]),
        ("gte", "2026-11-21T09:00+00:00", ["2026-11-21T09:00:00"], ["2026-11-21T08:59:59"]),
    ],
)
def test_times_are_instants_and_their_days_are_local(
    op: str, wanted: object, yes: list[str], no: list[str]
) -> None:
    for text in yes:
        assert holds({"last_seen": {op: wanted}}, last_seen=utc(text)), text
        assert holds({"last_seen": {op: wanted}}, last_seen=utc(text).isoformat()), text
    for text in no:
        assert not holds({"last_seen": {op: wanted}}, last_seen=utc(text)), text


def test_a_time_without_an_offset_is_the_clinics() -> None:
    assert holds({"last_seen": "now"}, last_seen="2026-11-21T09:30:00")


def test_the_days_on_which_clocks_change_have_23_and_25_hours() -> None:
    forward = Moment("2026-10-04", whole_day=True, fixed=date(2026, 10, 4)).bounds(now=NOW, zone=SYDNEY)
    back = Moment("2026-04-05", whole_day=True, fixed=date(2026, 4, 5)).bounds(now=NOW, zone=SYDNEY)
    assert forward == (utc("2026-10-03T14:00"), utc("2026-10-04T13:00"))
    assert back == (utc("2026-04-04T13:00"), utc("2026-04-05T14:00"))


def test_an_instant_has_no_width() -> None:
    assert Moment("now", whole_day=False).bounds(now=NOW.astimezone(SYDNEY), zone=SYDNEY) == (NOW, NOW)
    assert Moment("now", whole_day=False).resolve(now=NOW.astimezone(SYDNEY), zone=SYDNEY).tzinfo is UTC  # type: ignore[union-attr]


# What is missing


@pytest.mark.parametrize("facts", [{}, {"city": None}, {"city": ""}])
def test_a_missing_value_satisfies_only_exists_false_and_null(facts: dict[str, object]) -> None:
    for op, wanted in [
        ("eq", "x"),
        ("ne", "x"),
        ("in", ["x"]),
        ("not_in", ["x"]),
        ("contains", "x"),
        ("matches", ".*"),
        ("exists", True),
        ("ne", None),
    ]:
        assert not holds({"city": {op: wanted}}, **facts), op
        assert holds({"not": {"city": {op: wanted}}}, **facts), op
    assert holds({"city": {"exists": False}}, **facts)
    assert holds({"city": None}, **facts)
    assert not holds({"city": {"exists": False}}, city="x")
    assert holds({"city": {"exists": True}}, city="x")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("warmness_score", "70"),
        ("warmness_score", float("nan")),
        ("warmness_score", float("inf")),
        ("stage_age_seconds", [1]),
        ("is_high_risk", "true"),
        ("recall_due_date", "some day.."),
        ("recall_due_date", "2026-13-01"),
        ("recall_due_date", 5),
        ("last_seen", "yesterday"),
        ("last_seen", date(2026, 11, 20)),
        ("tags", "vip"),
        ("city", ["Sydney"]),
        ("city", True),
    ],
)
def test_a_value_of_another_type_counts_as_missing(field: str, value: object) -> None:
    assert holds({field: None}, **{field: value})


def test_numbers_seen_where_a_text_is_asked_for_are_read_as_text() -> None:
    assert holds({"custom.size": "42"}, **{"custom.size": 42})


def test_an_empty_list_is_a_value() -> None:
    assert holds({"tags": {"exists": True}}, tags=[])


# Trees


def test_all_any_and_not_combine() -> None:
    tree = {"any": [{"city": "A"}, {"city": "B"}], "not": {"source": "x"}}
    assert holds(tree, city="A", source="y")
    assert holds(tree, city="B")
    assert not holds(tree, city="C", source="y")
    assert not holds(tree, city="A", source="x")
    assert holds({})


def test_every_comparison_gives_its_reason_even_when_the_end_is_known() -> None:
    found = verdict(
        {"city": "A", "any": [{"warmness_score": {"between": [1, 2]}}, {"recall_due_date": {"lte": "-90d"}}]},
        warmness_score=Decimal("1.5"),
        recall_due_date=date(2026, 11, 1),
    )
    assert found == Verdict(
        ok=False,
        reasons=(
            Reason("conditions.city", "city", "eq", "A", None, False),
            Reason(
                "conditions.any[0].warmness_score.between", "warmness_score", "between", [1, 2], 1.5, True
            ),
            Reason(
                "conditions.any[1].recall_due_date.lte", "recall_due_date", "lte", "-90d", "2026-11-01", False
            ),
        ),
    )
    assert [reason.field for reason in found.unmet] == ["city", "recall_due_date"]
    assert json.loads(json.dumps([reason.as_dict() for reason in found.reasons]))[0] == {
        "path": "conditions.city",
        "field": "city",
        "op": "eq",
        "wanted": "A",
        "saw": None,
        "ok": False,
    }


def test_reasons_show_times_and_lists_as_json_can_hold_them() -> None:
    found = verdict({"last_seen": {"lt": "now"}, "tags": {"in": ["b"]}}, last_seen=NOW, tags={"b", "a"})
    assert [(reason.wanted, reason.saw, reason.ok) for reason in found.reasons] == [
        ("now", "2026-11-20T22:30:00+00:00", False),
        (["b"], ["a", "b"], True),
    ]


def test_private_values_stay_out_of_the_reasons() -> None:
    assert verdict({"message_body": "secret"}, message_body="secret").reasons[0].saw == "(hidden)"
    assert verdict({"message_body": "secret"}).reasons[0].saw is None


def test_attack_patterns_cost_no_time() -> None:
    source = Path(__file__).parents[4] / "shared" / "data" / "redos_attack_strings.json"
    if not source.exists():
        pytest.skip(f"the attack strings are not here: {source}")
    read = 0
    for row in json.loads(source.read_text()):
        tree = {"city": {"matches": row["regex"]}}
        try:
            node = parse(tree, FIELDS)
        except Invalid:  # lookaheads, and the like that a linear engine does not have
            continue
        read += 1
        evaluate(node, {"city": (row["attack"] * 50)[:2000]}, now=NOW, zone=SYDNEY)
    assert read >= 5


VALUES: dict[str, st.SearchStrategy[object]] = {
    "warmness_score": st.integers(-5, 105) | st.none(),
    "city": st.sampled_from(["A", "B", "", None]),
    "tags": st.lists(st.sampled_from("ab")) | st.none(),
}
LEAVES = st.one_of(
    st.builds(
        lambda op, n: {"warmness_score": {op: n}},
        st.sampled_from(["eq", "ne", "gt", "lte"]),
        st.integers(0, 100),
    ),
    st.builds(
        lambda op, t: {"city": {op: t}}, st.sampled_from(["eq", "ne", "contains"]), st.sampled_from("AB")
    ),
    st.builds(lambda t: {"tags": {"contains": t}}, st.sampled_from("ab")),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.builds(lambda parts: {"all": parts}, st.lists(inner, max_size=3))
        | st.builds(lambda parts: {"any": parts}, st.lists(inner, min_size=1, max_size=3))
        | st.builds(lambda part: {"not": part}, inner)
    ),
    max_leaves=8,
)


@given(TREES, TREES, st.fixed_dictionaries(VALUES))
def test_the_tree_obeys_the_laws_of_two_valued_logic(a: object, b: object, facts: dict[str, object]) -> None:
    ask: Callable[[object], bool] = lambda tree: holds(tree, **facts)  # noqa: E731
    assert ask({"not": a}) is (not ask(a))
    assert ask({"all": [a, b]}) is (ask(a) and ask(b))
    assert ask({"any": [a, b]}) is (ask(a) or ask(b))
    assert ask({"not": {"all": [a, b]}}) is ask({"any": [{"not": a}, {"not": b}]})


def test_a_field_spec_has_no_label_choices_or_privacy_unless_told() -> None:
    spec = FieldSpec("x", "text", "contact")
    assert (spec.label, dict(spec.choices), spec.private) == ("", {}, False)
