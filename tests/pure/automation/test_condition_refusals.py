from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.condition_parser import ALLOWED, OPERATORS, compile_pattern
from automation.conditions import Not, leaves, parse
from core.errors import Invalid
from tests.pure.automation.fields import FIELDS


def errors(tree: object, **options: object) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        parse(tree, FIELDS, **options)  # type: ignore[arg-type]
    assert caught.value.code == "invalid_conditions"
    where, what = next(iter(caught.value.fields.items()))
    assert caught.value.message == f"{where}: {what[0]}"
    return {path: texts[0] for path, texts in caught.value.fields.items()}


# What is refused, where and why

KINDS = "'today', '-90d' or a day as in '2026-11-20'"
TIMES = "'now', 'today', '-90d', '+2h' or a time as in '2026-11-20T09:00'"


@pytest.mark.parametrize(
    ("tree", "path", "what"),
    [
        ([], "conditions", 'give an object like {"warmness_score": {"gte": 70}}, not a list.'),
        (None, "conditions", 'give an object like {"warmness_score": {"gte": 70}}, not null.'),
        ({"all": {}}, "conditions.all", "this must be a list of conditions, not an object."),
        ({"any": True}, "conditions.any", "this must be a list of conditions, not true."),
        ({"any": []}, "conditions.any", "an empty list never holds; give at least one condition."),
        (
            {"all": [{}, "x"]},
            "conditions.all[1]",
            'give an object like {"warmness_score": {"gte": 70}}, not a text.',
        ),
        ({"not": 1}, "conditions.not", 'give an object like {"warmness_score": {"gte": 70}}, not a number.'),
        (
            {"warmness_scor": 1},
            "conditions.warmness_scor",
            "there is no field 'warmness_scor'. Did you mean 'warmness_score'?",
        ),
        ({"city": {}}, "conditions.city", 'give an operator and a value, such as {"eq": "…"}.'),
        (
            {"city": {"like": "x"}},
            "conditions.city.like",
            "there is no operator 'like'. Known are: between, contains, eq, exists, gt, gte, in, lt, lte, "
            "matches, ne, not_in.",
        ),
        (
            {"city": {"contain": "x"}},
            "conditions.city.contain",
            "there is no operator 'contain'. Did you mean 'contains'?",
        ),
        (
            {"is_high_risk": {"gt": True}},
            "conditions.is_high_risk.gt",
            "'gt' cannot be used with 'is_high_risk', a bool; use eq, ne or exists.",
        ),
        (
            {"warmness_score": {"contains": 1}},
            "conditions.warmness_score.contains",
            "'contains' cannot be used with 'warmness_score', a number; use eq, ne, gt, gte, lt, lte, "
            "between, exists, in or not_in.",
        ),
        ({"city": {"exists": "yes"}}, "conditions.city.exists", "this must be true or false, not a text."),
        ({"is_high_risk": 1}, "conditions.is_high_risk", "this must be true or false, not a number."),
        ({"is_high_risk": ""}, "conditions.is_high_risk", "this must be true or false, not an empty text."),
        (
            {"warmness_score": "70"},
            "conditions.warmness_score",
            "'warmness_score' needs a number, not a text.",
        ),
        ({"warmness_score": True}, "conditions.warmness_score", "'warmness_score' needs a number, not true."),
        (
            {"warmness_score": {"gt": None}},
            "conditions.warmness_score.gt",
            "'warmness_score' needs a number, not null.",
        ),
        (
            {"warmness_score": ""},
            "conditions.warmness_score",
            "'warmness_score' needs a number, not an empty text.",
        ),
        (
            {"warmness_score": float("nan")},
            "conditions.warmness_score",
            "'warmness_score' needs an ordinary number.",
        ),
        (
            {"stage_age_seconds": False},
            "conditions.stage_age_seconds",
            "'stage_age_seconds' needs a number of seconds, not false.",
        ),
        (
            {"stage_age_seconds": float("inf")},
            "conditions.stage_age_seconds",
            "'stage_age_seconds' needs an ordinary number of seconds.",
        ),
        (
            {"warmness_score": {"between": [70, 40]}},
            "conditions.warmness_score.between",
            "nothing is between 70 and 40; put the lower value first.",
        ),
        (
            {"warmness_score": {"between": [70]}},
            "conditions.warmness_score.between",
            "'between' needs a list of two values, the lower one first.",
        ),
        (
            {"warmness_score": {"between": "12"}},
            "conditions.warmness_score.between",
            "'between' needs a list of two values, the lower one first.",
        ),
        ({"city": 5}, "conditions.city", "'city' needs a text, not a number."),
        ({"city": {"contains": ""}}, "conditions.city.contains", "'city' needs a text, not an empty text."),
        ({"city": "x" * 501}, "conditions.city", "a text may have 500 characters at most."),
        ({"city": ["x"]}, "conditions.city", "'city' needs a text, not a list."),
        ({"city": {"in": "x"}}, "conditions.city.in", "'in' needs a list of values, not a text."),
        ({"city": {"in": []}}, "conditions.city.in", "'in' needs at least one value."),
        ({"tags": {"not_in": []}}, "conditions.tags.not_in", "'not_in' needs at least one value."),
        ({"city": {"in": ["a", None]}}, "conditions.city.in", "'city' needs a text, not null."),
        ({"city": {"in": ["a"] * 201}}, "conditions.city.in", "a list may hold 200 values at most."),
        (
            {"current_stage": "lost"},
            "conditions.current_stage",
            "'lost' is no value of 'current_stage'; use new_lead or contacted.",
        ),
        (
            {"tags": "vip"},
            "conditions.tags",
            "'eq' needs a list of values, not a text; to look for one, use 'contains'.",
        ),
        ({"tags": {"contains": ["a"]}}, "conditions.tags.contains", "'tags' needs a text, not a list."),
        (
            {"city": {"matches": ""}},
            "conditions.city.matches",
            "'matches' needs a pattern, not an empty text.",
        ),
        ({"city": {"matches": 5}}, "conditions.city.matches", "'matches' needs a pattern, not a number."),
        (
            {"city": {"matches": "x" * 257}},
            "conditions.city.matches",
            "a pattern may have 256 characters at most.",
        ),
        ({"city": {"matches": "("}}, "conditions.city.matches", "this pattern cannot be read: missing ): (."),
        (
            {"city": {"matches": "\ud800"}},
            "conditions.city.matches",
            "this pattern holds half a character; type it again.",
        ),
        (
            {"recall_due_date": "soon"},
            "conditions.recall_due_date",
            f"'recall_due_date' needs {KINDS}, not 'soon'.",
        ),
        ({"recall_due_date": 5}, "conditions.recall_due_date", f"'recall_due_date' needs {KINDS}, not 5."),
        (
            {"recall_due_date": "+2h"},
            "conditions.recall_due_date",
            f"'recall_due_date' needs {KINDS}, not '+2h'.",
        ),
        (
            {"recall_due_date": "2026-11-20T09:00"},
            "conditions.recall_due_date",
            f"'recall_due_date' needs {KINDS}, not '2026-11-20T09:00'.",
        ),
        (
            {"recall_due_date": "2026-02-30"},
            "conditions.recall_due_date",
            f"'recall_due_date' needs {KINDS}, not '2026-02-30'.",
        ),
        (
            {"recall_due_date": "1899-12-31"},
            "conditions.recall_due_date",
            f"'recall_due_date' needs {KINDS}, not '1899-12-31'.",
        ),
        (
            {"last_seen": "2201-01-01"},
            "conditions.last_seen",
            f"'last_seen' needs {TIMES}, not '2201-01-01'.",
        ),
        ({"last_seen": "20261120"}, "conditions.last_seen", f"'last_seen' needs {TIMES}, not '20261120'."),
        ({"last_seen": "+123456d"}, "conditions.last_seen", f"'last_seen' needs {TIMES}, not '+123456d'."),
        ({"last_seen": "90d"}, "conditions.last_seen", f"'last_seen' needs {TIMES}, not '90d'."),
        (
            {"last_seen": "2026-11-20Tnoon"},
            "conditions.last_seen",
            f"'last_seen' needs {TIMES}, not '2026-11-20Tnoon'.",
        ),
    ],
)
def test_what_is_wrong_is_said_where_it_stands(tree: object, path: str, what: str) -> None:
    assert errors(tree) == {path: what}


def test_an_unknown_field_without_a_near_one_lists_what_there_is() -> None:
    assert errors({"zzz": 1}) == {
        "conditions.zzz": "there is no field 'zzz'. Known are: "
        + ", ".join(sorted([*FIELDS, "warmness"]))
        + "."
    }


def test_every_error_is_named_and_the_first_is_the_message() -> None:
    assert list(errors({"all": [{}, {"warmness_score": {"gte": "x"}}], "nowhere": 1, "city": 2})) == [
        "conditions.all[1].warmness_score.gte",
        "conditions.nowhere",
        "conditions.city",
    ]


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        ("message_body", "only an event carries it, and a rule that runs by the clock has none"),
        ("visit_type", "it is a field of a booking, and this rule is about none"),
        ("local_hour", "it depends on the time of day, which is not known here"),
        ("city", "it is a field of a contact, and this rule is about none"),
    ],
)
def test_a_field_out_of_scope_is_refused_by_its_path(field: str, reason: str) -> None:
    assert errors({"not": {field: "x"}}, scopes=()) == {
        f"conditions.not.{field}": f"{field!r} cannot be used here: {reason}."
    }
    assert parse({field: None}, FIELDS, scopes={FIELDS[field].scope})


def nested(depth: int) -> object:
    tree: object = {"city": "x"}
    for _ in range(depth - 1):
        tree = {"not": tree}
    return tree


def test_ten_levels_are_enough_for_anybody() -> None:
    assert isinstance(parse(nested(10), FIELDS), Not)
    (message,) = errors(nested(11)).values()
    assert message == "conditions may nest 10 deep at most; write this more simply."
    deep: object = {}
    for _ in range(5000):
        deep = {"all": [deep]}
    assert len(errors(deep)) == 1


def test_a_hundred_comparisons_are_the_most() -> None:
    assert len(list(leaves(parse({"all": [{"city": "x"}] * 100}, FIELDS)))) == 100
    assert errors({"all": [{"city": "x"}] * 101}) == {
        "conditions.all[100].city": "a rule may make 100 comparisons at most."
    }


def test_every_type_allows_exists_and_only_known_operators() -> None:
    for allowed in ALLOWED.values():
        assert "exists" in allowed
        assert set(allowed) <= set(OPERATORS)


def test_patterns_ignore_case_and_line_ends() -> None:
    pattern = compile_pattern("A.b")
    assert pattern.fullmatch("a\nB")
    assert not pattern.fullmatch("a\nBc")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from([*FIELDS, "all", "any", "not", *OPERATORS]) | st.text(), inner, max_size=4
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_any_json_is_either_read_or_refused_with_paths(tree: object) -> None:
    paths = []
    try:
        parse(tree, FIELDS)
    except Invalid as refused:
        paths = list(refused.fields) or ["none was named"]
    assert all(path.startswith("conditions") for path in paths)
