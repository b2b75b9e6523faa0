from __future__ import annotations

from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    """Providers: their accounts, their formats, what they delivered and how to reach them."""

    name = "integrations"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Providers"

    def ready(self) -> None:
        from accounts import sending_stops
        from core import ticks
        from integrations import (
            clinic_checks,
            fetching,
            gateways,
            graph,
            handlers,
            inbound,
            invariants,
            lead_settings,
            outbox,
            own_settings,
            polling,
            reconciling,
            seeds,
        )
        from integrations.models import Kind, Provider
        from integrations.providers import clicksend, console, email, messagemedia, meta, twilio, wix_rest

        handlers.connect()
        own_settings.connect()
        lead_settings.connect()
        clinic_checks.connect()
        seeds.connect()
        invariants.connect()
        gateways.register(Provider.CONSOLE, console.gateway)
        gateways.register_email(Provider.CONSOLE, console.mail_gateway)
        gateways.register_email(Provider.EMAIL, email.gateway)
        gateways.register(Provider.CLICKSEND, clicksend.gateway)
        gateways.register(Provider.TWILIO, twilio.gateway)
        gateways.register(Provider.MESSAGEMEDIA, messagemedia.gateway)
        both = (Kind.SMS_INBOUND, Kind.SMS_RECEIPT)
        polling.register(Provider.MESSAGEMEDIA, polling.Source(both, messagemedia.gateway))
        polling.register(Provider.CLICKSEND, polling.Source((Kind.SMS_INBOUND,), clicksend.gateway))
        fetching.register(Provider.META, fetching.Fetcher(graph.fetch_lead, meta.with_lead, meta.page_id))
        reconciling.register(Provider.WIX, reconciling.Lister(wix_rest.may_ask, wix_rest.ask))
        sending_stops.reconcilers.register("integrations", outbox.reconcile)
        ticks.register("10s", "integrations.fetch_due", fetching.fetch_due)
        ticks.register("10s", "integrations.call", outbox.send_due)
        ticks.register("1min", "integrations.expire_calls", outbox.expire)
        # Beginning and going on: what one tick cannot finish, and what a person asked for, the next minute does.
        ticks.register("15min", "integrations.begin_reconciling", reconciling.begin_all)
        ticks.register("1min", "integrations.reconcile", reconciling.run_due)
        ticks.register("15min", "integrations.poll", polling.poll)
        ticks.register("15min", "integrations.remove_old_payloads", outbox.remove_old_payloads)
        ticks.register("15min", "integrations.remove_old_bodies", inbound.remove_old_bodies)
