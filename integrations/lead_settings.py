"""How ManyChat, Meta's lead ads and the forms of the website are connected, and what to look at when nothing comes."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import reverse

from accounts import doctor
from accounts.doctor import Finding, Level
from accounts.models import Location
from integrations import graph, lead_accounts
from integrations.models import Fetch, Provider, ProviderAccount
from integrations.provider_settings import Address, Credential, ProviderSettings, register

MANYCHAT = ProviderSettings(
    fields=(
        Credential(
            "webhook_secret",
            "Webhook secret",
            help="For flows that sign, or send it in a header (Authorization: Bearer …). The address alone is enough.",
            required=False,
            keeps="previous_webhook_secret",
            inherited=lambda: bool(lead_accounts.installation_secrets(Provider.MANYCHAT)),
        ),
    ),
    addresses=(Address("External Request (POST)", "integrations:manychat_token"),),
    instance="ManyChat page id",
)
META = ProviderSettings(
    fields=(
        Credential(
            "webhook_secret",
            "App secret",
            help="Of the Meta app, under App settings, Basic. It signs every delivery.",
            keeps="previous_webhook_secret",
            inherited=lambda: bool(lead_accounts.installation_secrets(Provider.META)),
        ),
        Credential(
            "access_token",
            "Page access token",
            help="A long-lived one of the page, allowed leads_retrieval: the leads are fetched with it.",
            rows=3,
        ),
        Credential(
            "verify_token",
            "Verify token",
            help="A word of your own. Enter the same one at Meta, beside the address.",
            inherited=lambda: bool(lead_accounts.verify_tokens("")),
        ),
    ),
    addresses=(Address("Callback URL (page, leadgen)", "integrations:meta_leads_token"),),
    instance="Facebook page id",
)
WEB_FORM = ProviderSettings(
    fields=(
        Credential(
            "origins",
            "Websites",
            help="The sites that may send this form, one a line, such as https://www.clinic.example",
            secret=False,
            rows=3,
        ),
        Credential(
            "webhook_secret",
            "Secret of the site's server",
            help="Only where a server sends the forms: it says so with Authorization: Bearer …",
            required=False,
            keeps="previous_webhook_secret",
        ),
    ),
    addresses=(Address("Form", "integrations:web_form"),),
)


def leads(location: Location) -> Iterator[Finding]:
    """Where leads come from, and those that the provider does not hand out."""
    kinds = (Provider.MANYCHAT, Provider.META, Provider.WEB_FORM)
    if not ProviderAccount.objects.filter(location=location, enabled=True, provider__in=kinds).exists():
        yield Finding(
            Level.WARNING, "Leads from outside", "Nothing is connected that brings leads: they are entered by hand.",
            "Add the website's form, ManyChat or Meta, where the clinic uses them.",
            reverse("admin:integrations_provideraccount_add"),
        )  # fmt: skip
    waiting = Fetch.objects.filter(location=location, next_at__isnull=False).exclude(error="")
    told = waiting.order_by("account_id", "error").values_list("account_id", "error").distinct()
    for account in ProviderAccount.objects.filter(pk__in={pk for pk, _ in told}).order_by("pk"):
        codes = [code for pk, code in told if pk == account.pk]
        yield _waiting(account, next(filter(graph.needs_new_token, codes), ""), codes[0])


def _waiting(account: ProviderAccount, refused: str, code: str) -> Finding:
    """What is known of leads that wait; only what a person must mend is missing."""
    return Finding(
        Level.MISSING if refused else Level.WARNING,
        str(account),
        f"Leads wait to be fetched: the provider answers {refused or code}.",
        "Enter a new access token; they are asked for again at once."
        if refused
        else "They are asked for again by themselves. Where it lasts, see the provider's state of service.",
        reverse("admin:integrations_provideraccount_change", args=(account.public_id,)),
    )


def connect() -> None:
    """Called from AppConfig.ready()."""
    register(Provider.MANYCHAT, MANYCHAT)
    register(Provider.META, META)
    register(Provider.WEB_FORM, WEB_FORM)
    doctor.checks.register("integrations.leads", leads)
