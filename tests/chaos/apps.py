from __future__ import annotations

from django.apps import AppConfig


class ChaosConfig(AppConfig):
    """What chaos adds to the system: shorter waits, and the gateway of a provider that can do little."""

    name = "tests.chaos"
    label = "chaos"

    def ready(self) -> None:
        from integrations import gateways
        from tests.chaos import quick
        from tests.fakes import plain_gateway

        quick.shorten()
        gateways.register(plain_gateway.PLAIN, plain_gateway.gateway)
