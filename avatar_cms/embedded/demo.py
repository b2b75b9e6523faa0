"""The pair of embedded servers behind `make run`: where they are and how they are addressed."""

from __future__ import annotations

from pathlib import Path

from avatar_cms.embedded import places
from avatar_cms.embedded.postgres import Cluster
from avatar_cms.embedded.valkey import Valkey

DATABASE = "avatar"
OWNER_ROLE = "avatar_owner"
APPLICATION_ROLE = "avatar_app"


def cluster() -> Cluster:
    return Cluster(places.state_home())


def broker() -> Valkey:
    return Valkey(places.state_home())


def database_url(role: str) -> str:
    """The URL of the demo's database for one of its two roles."""
    return cluster().url(user=role, database=DATABASE)


def clock_file() -> Path:
    """Where it is written how far ahead of real time the demo is."""
    return places.state_home() / "clock.json"


def redis_url() -> str:
    """The URL of the demo's broker and cache."""
    return broker().url()
