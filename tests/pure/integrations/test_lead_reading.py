from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations import lead_reading
from integrations.ports import Arrival, Customer


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("First Name", "first_name"),
        ("firstName", "first_name"),
        ("your-email", "your_email"),
        ("  What are you interested in? ", "what_are_you_interested_in"),
        ("_gotcha", "gotcha"),
        ("UTM_Source", "utm_source"),
        ("Prénom", "prénom"),
        ("???", ""),
    ],
)
def test_names_of_fields_are_compared_as_slugs(name: str, slug: str) -> None:
    assert lead_reading.slug(name) == slug


def test_fields_within_fields_are_fields_and_the_outer_one_counts() -> None:
    given_fields = {
        "fields": {"Name": "Within", "phone": "1"},
        "name": "Outside",
        "utm": {"source": "google", "utm_medium": "cpc"},
    }
    assert lead_reading.flat(given_fields) == {
        "name": "Outside",
        "phone": "1",
        "utm_source": "google",
        "utm_medium": "cpc",
    }


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (["a", "", None, "b"], "a, b"),
        (True, "true"),
        (7, "7"),
        (2.5, "2.5"),
        ("  two\nlines ", "two\nlines"),
        ("nul\x00", "nul"),
    ],
)
def test_values_become_texts(value: object, said: str) -> None:
    assert lead_reading.flat({"a": value}) == {"a": said}


@pytest.mark.parametrize(
    "value",
    [None, "", " ", False, [], "{{first_name}}", "{campaign}", "[your-name]", "<full name>", object()],
)
def test_what_says_nothing_is_left_out(value: object) -> None:
    assert lead_reading.flat({"a": value}) == {}


def test_a_field_without_a_name_and_one_too_many_are_left_out() -> None:
    assert lead_reading.flat({"": "x", "?": "y"}) == {}
    assert len(lead_reading.flat({f"f{number}": "x" for number in range(500)})) == lead_reading.MOST_FIELDS


def test_an_answer_is_cut_at_its_longest() -> None:
    assert len(lead_reading.flat({"a": "x" * 9000})["a"]) == lead_reading.LONGEST_ANSWER


@given(
    st.dictionaries(
        st.text(), st.one_of(st.text(), st.integers(), st.booleans(), st.none(), st.lists(st.text()))
    )
)
def test_any_fields_can_be_read(fields: dict[str, object]) -> None:
    read = lead_reading.flat(fields)
    assert all(name and said for name, said in read.items())
    lead_reading.person(read)
    lead_reading.arrival(read)


def test_a_box_is_ticked_by_anything_but_a_no() -> None:
    assert lead_reading.ticked({"consent": "on"}, ["consent"]) == "on"
    assert lead_reading.ticked({"consent": "No", "agree": "I agree"}, ["consent", "agree"]) == "I agree"
    assert lead_reading.ticked({}, ["consent"]) == ""


def test_a_person_is_found_under_many_names() -> None:
    assert lead_reading.person(
        {"surname": "Silva", "first_name": "Ana", "mobile": "1", "e_mail": "a@b"}, "7"
    ) == (Customer("Ana Silva", "1", "a@b", "7"))
    assert lead_reading.person({"full_name": "Ana Silva", "first_name": "Other"}) == Customer("Ana Silva")


def test_questions_that_ask_for_the_intent_or_the_source_are_known_by_their_words() -> None:
    fields = {"what_are_you_interested_in": "Mole removal", "where_did_you_hear_about_our_clinic": "A friend"}
    assert lead_reading.intent(fields) == "Mole removal"
    assert lead_reading.heard_from(fields) == "A friend"
    assert lead_reading.intent({"intent": "procedure", **fields}) == "procedure"
    assert lead_reading.heard_from({"source": "walk_in", **fields}) == "walk_in"
    assert lead_reading.intent({}) == lead_reading.heard_from({}) == ""


def test_the_way_they_came_is_read_from_fields_and_from_the_landing_page() -> None:
    fields = {
        "utm_source": "google",
        "landing_page": "https://clinic.example/a?utm_source=bing&utm_medium=cpc&gclid=G#x",
        "referrer": "https://user:pw@www.google.com:443/search?q=me",
    }
    assert lead_reading.arrival(fields, {"ad_id": "1", "form_id": ""}) == Arrival(
        utm={"utm_source": "google", "utm_medium": "cpc"},
        clicks={"gclid": "G"},
        ids={"ad_id": "1"},
        campaign="",
        referrer="https://www.google.com/search",
        landing_page="https://clinic.example/a",
    )
    assert lead_reading.arrival({"utm_campaign": "Spring"}).campaign == "Spring"
    assert lead_reading.arrival({"campaign": "Own", "utm_campaign": "Spring"}).campaign == "Own"


@pytest.mark.parametrize(
    "url", ["", "javascript:alert(1)", "//clinic.example/a", "https://", "https://[1", "words"]
)
def test_what_is_no_web_address_is_not_kept(url: str) -> None:
    assert lead_reading.address(url) == ""


def test_a_query_that_cannot_be_read_says_nothing() -> None:
    many = "&".join(f"a{number}=1" for number in range(500))
    assert lead_reading.arrival({"landing_page": f"https://c.example/?{many}"}).utm == {}
    long = f"https://c.example/{'a' * 300}?{'b' * 300}=1&gclid=G"
    came = lead_reading.arrival({"landing_page": long})
    assert (came.clicks, len(came.landing_page)) == ({"gclid": "G"}, 255)
    assert lead_reading.arrival({"landing_page": "https://[1/?utm_source=a"}).utm == {}


def test_answers_are_what_is_known_by_no_name() -> None:
    assert lead_reading.answers({"name": "Ana", "best_time": "noon", "form": "x"}, ["form"]) == {
        "best_time": "noon"
    }
