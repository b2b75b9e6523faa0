"""What a clinic may say about its texts, as fields on its page."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextInputWidget,
    UnfoldAdminURLInputWidget,
)

from accounts import location_settings
from accounts.form_fields import MoneyField
from accounts.location_settings import Setting
from messaging import limits, safety, storms

SECTION = "Messages"


def segment_price() -> forms.Field:
    usual = safety.SEGMENT_PRICE / 100_000
    return MoneyField(
        scale=5, label="Price of one text segment",
        help_text=f"In the clinic's currency, as the provider charges it. Usual: {usual:.2f}.",
    )  # fmt: skip


def limit(label: str, usual: int, help_text: str) -> forms.Field:
    """A field for how many of something there may be; empty for the usual."""
    return forms.IntegerField(
        label=label, required=False, min_value=0, max_value=1000, widget=UnfoldAdminIntegerFieldWidget(),
        help_text=f"{help_text} Usual: {usual}.",
    )  # fmt: skip


def care_limit() -> forms.Field:
    return limit("Care texts to one number", limits.CARE_LIMIT, "In 30 days, at most.")


def marketing_limit() -> forms.Field:
    return limit("Marketing texts to one number", limits.MARKETING_LIMIT, "In 30 days, at most.")


def automatic_limit() -> forms.Field:
    return limit(
        "Automatic texts to one number",
        limits.AUTOMATIC_LIMIT,
        "Within a day, at most; what people write does not count.",
    )


def answers_limit() -> forms.Field:
    return limit(
        "Automatic answers to one number", limits.ANSWERS_LIMIT,
        "Within an hour; more are held, because a machine may be answering.",
    )  # fmt: skip


def storm_limit() -> forms.Field:
    return limit(
        "Texts of one rule within a minute", storms.LIMIT, "More are held until somebody lets them go."
    )


def referral_link() -> forms.Field:
    options: dict[str, Any] = {"assume_scheme": "https", "widget": UnfoldAdminURLInputWidget()}
    return forms.URLField(
        label="Referral link", required=False, max_length=300,
        help_text="Where texts that ask for a referral lead. Empty: the booking link.", **options,
    )  # fmt: skip


def referral_incentive() -> forms.Field:
    return forms.CharField(
        label="Thank-you for a referral", required=False, max_length=80, widget=UnfoldAdminTextInputWidget(),
        help_text="What {incentive} says in a template.",
    )  # fmt: skip


def connect() -> None:
    """Called from AppConfig.ready()."""
    for key, field in (
        ("sms_segment_price", segment_price),
        ("care_limit", care_limit),
        ("marketing_limit", marketing_limit),
        ("automatic_limit", automatic_limit),
        ("answers_limit", answers_limit),
        ("storm_limit", storm_limit),
        ("referral_link", referral_link),
        ("referral_incentive", referral_incentive),
    ):
        location_settings.register(Setting(key, SECTION, field))
