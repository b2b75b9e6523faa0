from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from automation.conditions import All, Any, Leaf, Moment, Not, find_field, leaves, parse, validate
from core.errors import Invalid
from tests.pure.automation.fields import FIELDS


def leaf(field: str, op: str, wanted: object, path: str) -> Leaf:
    return Leaf(path, field, find_field(field, FIELDS), op, wanted)  # type: ignore[arg-type]


# The tree


def test_no_conditions_are_a_tree_that_always_holds() -> None:
    assert parse({}, FIELDS) == All(())


def test_a_bare_value_is_equality() -> None:
    assert parse({"city": "Sydney"}, FIELDS) == leaf("city", "eq", "Sydney", "conditions.city")


def test_the_keys_of_an_object_and_the_operators_of_a_field_are_all_wanted() -> None:
    tree = {"warmness_score": {"gte": 40, "lt": 70}, "city": "Perth"}
    assert parse(tree, FIELDS) == All(
        (
            leaf("warmness_score", "gte", 40, "conditions.warmness_score.gte"),
            leaf("warmness_score", "lt", 70, "conditions.warmness_score.lt"),
            leaf("city", "eq", "Perth", "conditions.city"),
        )
    )


def test_all_in_all_is_flattened_and_any_keeps_its_alternatives() -> None:
    tree = {
        "all": [{"city": "A"}, {"all": [{"city": "B"}, {}]}],
        "any": [{"city": "C"}, {"city": "D", "source": "E"}],
        "not": {"any": [{"city": "F"}]},
    }
    assert parse(tree, FIELDS) == All(
        (
            leaf("city", "eq", "A", "conditions.all[0].city"),
            leaf("city", "eq", "B", "conditions.all[1].all[0].city"),
            Any(
                (
                    leaf("city", "eq", "C", "conditions.any[0].city"),
                    All(
                        (
                            leaf("city", "eq", "D", "conditions.any[1].city"),
                            leaf("source", "eq", "E", "conditions.any[1].source"),
                        )
                    ),
                )
            ),
            Not(leaf("city", "eq", "F", "conditions.not.any[0].city")),
        )
    )


def test_warmness_is_another_name_of_warmness_score() -> None:
    assert parse({"warmness": 70}, FIELDS) == leaf("warmness_score", "eq", 70, "conditions.warmness")


@pytest.mark.parametrize(
    ("tree", "op", "wanted"),
    [
        ({"city": None}, "exists", False),
        ({"city": {"eq": None}}, "exists", False),
        ({"city": {"ne": None}}, "exists", True),
        ({"city": ""}, "exists", False),
        ({"source": {"ne": ""}}, "exists", True),
        ({"warmness_score": None}, "exists", False),
        ({"city": {"exists": True}}, "exists", True),
    ],
)
def test_null_and_the_empty_text_become_exists(tree: object, op: str, wanted: object) -> None:
    node = parse(tree, FIELDS)
    assert isinstance(node, Leaf)
    assert (node.op, node.wanted) == (op, wanted)


def test_the_path_may_begin_elsewhere() -> None:
    node = parse({"city": "A"}, FIELDS, path="actions[2].conditions")
    assert isinstance(node, Leaf)
    assert node.path == "actions[2].conditions.city"


def test_leaves_come_in_the_order_written() -> None:
    tree = {"not": {"city": "A"}, "any": [{"source": "B"}, {"tags": {"contains": "C"}}], "warmness": 1}
    assert [found.field for found in leaves(parse(tree, FIELDS))] == [
        "city",
        "source",
        "tags",
        "warmness_score",
    ]


def test_validate_raises_as_parse_does_and_returns_nothing() -> None:
    assert validate({"city": "A"}, FIELDS) is None  # type: ignore[func-returns-value]
    with pytest.raises(Invalid, match=r"^conditions\.nowhere: there is no field 'nowhere'\."):
        validate({"nowhere": 1}, FIELDS)
    with pytest.raises(Invalid, match="message_body"):
        validate({"message_body": "yes"}, FIELDS, scopes={"contact"})


# Families of fields


def test_a_family_stands_for_all_its_members() -> None:
    spec = find_field("custom.shoe_size", FIELDS)
    assert spec is not None
    assert (spec.name, spec.type, spec.spoken) == ("custom.shoe_size", "text", "custom shoe_size")
    consent = find_field("consent.sms.marketing", FIELDS)
    assert consent is not None
    assert (consent.name, consent.spoken) == ("consent.sms.marketing", "consent for sms.marketing")


@pytest.mark.parametrize("name", ["custom", "custom.", "custom.*", "other.x", "city.x", ""])
def test_a_family_alone_is_no_field(name: str) -> None:
    assert find_field(name, FIELDS) is None


def test_a_field_without_a_label_is_spoken_by_its_name() -> None:
    assert FIELDS["warmness_score"].spoken == "warmness score"
    assert FIELDS["is_high_risk"].spoken == "high risk"


# Operands that will do


@pytest.mark.parametrize(
    ("field", "op", "value", "wanted"),
    [
        ("warmness_score", "eq", 70, 70),
        ("warmness_score", "gt", 0.5, 0.5),
        ("warmness_score", "in", [1, 2], (1, 2)),
        ("warmness_score", "not_in", (3,), (3,)),
        ("warmness_score", "between", [40, 69], (40, 69)),
        ("warmness_score", "between", [40, 40], (40, 40)),
        ("stage_age_seconds", "gte", 14400, 14400),
        ("city", "contains", "syd", "syd"),
        ("city", "matches", "a+", "a+"),
        ("city", "eq", "x" * 500, "x" * 500),
        ("city", "matches", "x" * 256, "x" * 256),
        ("current_stage", "in", ["new_lead", "contacted"], ("new_lead", "contacted")),
        ("source", "eq", "anything", "anything"),
        ("is_high_risk", "eq", False, False),
        ("is_high_risk", "ne", True, True),
        ("tags", "eq", [], ()),
        ("tags", "ne", [], ()),
        ("tags", "eq", ["a", "b"], ("a", "b")),
        ("tags", "in", ["a"], ("a",)),
        ("tags", "contains", "vip", "vip"),
        ("city", "in", [str(n) for n in range(200)], tuple(str(n) for n in range(200))),
        ("recall_due_date", "lte", "today", Moment("today", whole_day=True)),
        ("recall_due_date", "lte", " Now ", Moment("now", whole_day=True)),
        ("recall_due_date", "eq", "-90d", Moment("-90d", whole_day=True, offset=timedelta(days=-90))),
        ("recall_due_date", "gt", "+2w", Moment("+2w", whole_day=True, offset=timedelta(weeks=2))),
        (
            "recall_due_date",
            "ne",
            "2026-11-20",
            Moment("2026-11-20", whole_day=True, fixed=date(2026, 11, 20)),
        ),
        ("last_seen", "lt", "now", Moment("now", whole_day=False)),
        ("last_seen", "lt", "today", Moment("today", whole_day=True)),
        ("last_seen", "lt", "-90d", Moment("-90d", whole_day=False, offset=timedelta(days=-90))),
        ("last_seen", "lt", "+2h", Moment("+2h", whole_day=False, offset=timedelta(hours=2))),
        ("last_seen", "lt", "-30min", Moment("-30min", whole_day=False, offset=timedelta(minutes=-30))),
        (
            "last_seen",
            "eq",
            "2026-11-20",
            Moment("2026-11-20", whole_day=True, fixed=date(2026, 11, 20)),
        ),
        (
            "last_seen",
            "gte",
            "2026-11-20T09:00",
            Moment("2026-11-20t09:00", whole_day=False, fixed=datetime(2026, 11, 20, 9)),  # noqa: DTZ001
        ),
        (
            "recall_due_date",
            "between",
            ["1900-01-01", "2200-12-31"],
            (
                Moment("1900-01-01", whole_day=True, fixed=date(1900, 1, 1)),
                Moment("2200-12-31", whole_day=True, fixed=date(2200, 12, 31)),
            ),
        ),
    ],
)
def test_an_operand_is_read_as_its_field_needs_it(field: str, op: str, value: object, wanted: object) -> None:
    assert parse({field: {op: value}}, FIELDS) == leaf(field, op, wanted, f"conditions.{field}.{op}")
