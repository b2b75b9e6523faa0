from __future__ import annotations

import pytest

from contacts import leads
from integrations.ports import Arrival, Customer, LeadDelivery


def form(*, heard_from: str = "", landing: str = "", referrer: str = "", **values: str) -> LeadDelivery:
    utm = {name: value for name, value in values.items() if name.startswith("utm_")}
    clicks = {name: value for name, value in values.items() if name.endswith("id")}
    arrival = Arrival(utm=utm, clicks=clicks, landing_page=landing, referrer=referrer)
    return LeadDelivery(kind="form", person=Customer(), heard_from=heard_from, arrival=arrival)


@pytest.mark.parametrize(
    ("words", "intent"),
    [
        ("procedure", "procedure"),
        ("High-Risk", "high_risk"),
        ("general enquiry", "general_inquiry"),
        ("Mole removal", "procedure"),
        ("I'd like a mole removed", "procedure"),
        ("Skin check", "routine_check"),
        ("Annual skin cancer screening", "routine_check"),
        ("Full body imaging", "high_risk"),
        ("high risk skin check", "high_risk"),
        ("mole removal follow-up", "follow_up"),
        ("getting my results", "follow_up"),
        ("how much does it cost?", "general_inquiry"),
        ("Prices", "general_inquiry"),
        ("not a procedure", ""),
        ("I don't want surgery", ""),
        ("Mondays", ""),
        ("", ""),
    ],
)
def test_words_become_intents_or_stay_words(words: str, intent: str) -> None:
    assert leads.intent_of(words) == intent


@pytest.mark.parametrize(
    ("lead", "source"),
    [
        (form(), "web_form"),
        (form(gclid="x"), "google_ads"),
        (form(gbraid="x", wbraid=""), "google_ads"),
        (form(fbclid="x"), "meta_ads"),
        (form(fbclid="x", utm_source="instagram", utm_medium="social"), "instagram"),
        (form(fbclid="x", utm_source="fb", utm_medium="paid"), "meta_ads"),
        (form(fbclid="x", gclid="y"), "google_ads"),
        (form(msclkid="x"), "other"),
        (form(ttclid="x"), "other"),
        (form(utm_source="google", utm_medium="cpc"), "google_ads"),
        (form(utm_source="IG", utm_medium="Paid-Social"), "meta_ads"),
        (form(utm_source="tiktok", utm_medium="cpc"), "other"),
        (form(utm_source="mailchimp", utm_medium="email"), "email"),
        (form(utm_source="clinic", utm_medium="sms"), "sms"),
        (form(utm_source="gp.example", utm_medium="referral"), "referral"),
        (form(utm_source="google", utm_medium="organic"), "organic_search"),
        (form(utm_source="forum", utm_medium="organic"), "web_form"),
        (form(utm_source="word_of_mouth"), "word_of_mouth"),
        (form(utm_source="leaflet"), "web_form"),
        (form(heard_from="A friend told me"), "word_of_mouth"),
        (form(heard_from="existing_patient"), "existing_patient"),
        (form(heard_from="My GP"), "referral"),
        (form(heard_from="Another clinic sent me"), "referral"),
        (form(heard_from="Walked past the clinic"), "walk_in"),
        (form(heard_from="Google"), "organic_search"),
        (form(heard_from="the moon"), "web_form"),
        (form(referrer="https://www.google.com.au/"), "organic_search"),
        (form(referrer="https://l.instagram.com/"), "instagram"),
        (form(referrer="https://directory.example/skin"), "referral"),
        (form(referrer="https://l.facebook.com/"), "other"),
        (form(referrer="https://t.co/abc"), "other"),
        (form(referrer="https://x.directory.example/"), "referral"),
        (form(referrer="http://intranet/"), "referral"),
        (form(referrer="https://www.clinic.example/", landing="https://clinic.example/contact"), "web_form"),
        (form(heard_from="A friend", gclid="x"), "google_ads"),
    ],
)
def test_a_form_comes_from_where_it_says(lead: LeadDelivery, source: str) -> None:
    assert leads.source_of(lead, "web_form") == source
    assert source in leads.SOURCES


def test_chats_and_lead_ads_speak_for_themselves() -> None:
    done = LeadDelivery(kind="completed", person=Customer())
    assert leads.source_of(done, "manychat") == "manychat_completed"
    assert leads.source_of(LeadDelivery(kind="subscribed", person=Customer()), "manychat") == "manychat"
    assert leads.source_of(form(gclid="x"), "meta") == "meta_form"


def test_a_completed_flow_tells_of_itself_and_of_each_button() -> None:
    lead = LeadDelivery(
        kind="completed", person=Customer(), form="High Risk Inquiry", buttons=("Book Now", "Learn More")
    )
    told = leads.happenings(lead)
    assert [(each.type, dict(each.details), each.leads) for each in told] == [
        ("manychat_flow_complete", {"flow": "High Risk Inquiry"}, True),
        ("manychat_button_click", {"button": "Book Now"}, False),
        ("booking_link_click", {"button": "Book Now"}, False),
        ("manychat_button_click", {"button": "Learn More"}, False),
    ]
    assert {each.channel for each in told} == {"High Risk Inquiry"}


def test_a_form_keeps_how_they_came_and_tells_of_a_download() -> None:
    arrival = Arrival(
        utm={"utm_source": "google"}, clicks={"gclid": "G"}, ids={"ad_id": "1", "secret": "x"}, campaign="Spring",
        landing_page="https://clinic.example/a",
    )  # fmt: skip
    lead = LeadDelivery(kind="form", person=Customer(), form="Guide", resource="Skin guide", arrival=arrival)
    first, second = leads.happenings(lead)
    assert first.details == {
        "utm_source": "google", "gclid": "G", "ad_id": "1", "campaign": "Spring",
        "landing_page": "https://clinic.example/a", "form": "Guide",
    }  # fmt: skip
    assert (second.type, second.details) == ("resource_download", {"resource": "Skin guide"})
    assert leads.happenings(LeadDelivery(kind="form", person=Customer()))[0].details == {}


@pytest.mark.parametrize(
    "caption", ["Book Now", "BOOK NOW!", "Book", " book online ", "Book an appointment", "Book a visit"]
)
def test_buttons_that_lead_to_booking_are_known(caption: str) -> None:
    assert leads.is_booking(caption)


@pytest.mark.parametrize("caption", ["Learn More", "Facebook", "Booked already", "Don't book", ""])
def test_other_buttons_do_not_lead_to_booking(caption: str) -> None:
    assert not leads.is_booking(caption)
