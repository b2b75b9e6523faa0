"""A backup is whole or refused, and what is restored from it comes up in safe mode."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from accounts.models import Location, SendingStop
from avatar_cms.backups import making, manifest, tools
from avatar_cms.backups.errors import BackupError
from avatar_cms.management.commands import restore as restore_command
from avatar_cms.simulation import scratch
from contacts.models import Contact
from core.models import Event
from tests.factories.contacts import make_contact
from tests.harness import servers
from tests.harness.databases import TestDatabase

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


@pytest.fixture
def anna(transactional_db: None) -> Contact:
    sydney = Location.objects.create(name="Avatar Imaging Sydney", code="sydney")
    return make_contact(sydney, name="Anna Smith", phone="+61412000001")


def restore(file: Path, **options: Any) -> str:
    out = StringIO()
    call_command("restore", str(file), stdout=out, **options)
    return out.getvalue()


@pytest.mark.parametrize("key", ["", Fernet.generate_key().decode()], ids=["plain", "sealed"])
def test_a_restored_database_has_every_row_and_comes_up_in_safe_mode(
    key: str, anna: Contact, tmp_path: Path, other_database: Callable[[], str], settings: Any
) -> None:
    settings.BACKUP_KEY = key
    out = StringIO()
    call_command("backup", to=tmp_path, stdout=out)
    [file] = tmp_path.glob("*.dump")
    assert str(file) in out.getvalue()
    assert file.stat().st_mode & 0o777 == 0o600
    assert (b"Anna" in file.read_bytes()) is False  # compressed, and sealed
    events = Event.objects.count()

    name = other_database()
    said = restore(file)

    assert f"restored into {name}" in said
    assert "leave_safe_mode" in said
    assert (Contact.objects.get().name, Event.objects.count()) == ("Anna Smith", events)
    stop = SendingStop.objects.get()
    taken = manifest.read(file).moment
    assert (stop.kind, stop.location, stop.resumed_at, stop.backed_up_at) == ("safe_mode", None, None, taken)
    assert "Restored from a backup of" in stop.reason


def test_the_application_works_on_what_was_restored_and_still_cannot_change_a_log(
    anna: Contact, tmp_path: Path, other_database: Callable[[], str], test_database: TestDatabase
) -> None:
    file, _ = making.make(tmp_path)
    other_database()
    restore(file)
    sydney = Location.objects.get()
    make_contact(sydney, name="Ben Jones", phone="+61412000002")  # ids go on behind those restored
    assert Contact.objects.count() == 2
    with pytest.raises(Exception, match="permission denied"), connection.cursor() as cursor:
        cursor.execute("UPDATE core_event SET type = 'x'")
    as_owner = test_database.address.url(servers.OWNER, connection.settings_dict["NAME"])
    with pytest.raises(psycopg.Error, match="append-only"), psycopg.connect(as_owner) as owner:
        owner.execute("DELETE FROM core_event")


def test_nothing_is_replaced_unless_told_to(
    anna: Contact, tmp_path: Path, other_database: Callable[[], str]
) -> None:
    file, _ = making.make(tmp_path)
    other_database()
    restore(file)
    Contact.objects.update(name="Since then")
    with pytest.raises(CommandError, match="not empty: give --yes"):
        restore(file)
    assert Contact.objects.get().name == "Since then"
    restore(file, yes=True)
    assert Contact.objects.get().name == "Anna Smith"


def test_nothing_is_replaced_under_running_processes(
    anna: Contact, tmp_path: Path, other_database: Callable[[], str], test_database: TestDatabase
) -> None:
    file, _ = making.make(tmp_path)
    name = other_database()
    with test_database.address.connect(name), pytest.raises(CommandError, match="stop web, workers and Beat"):
        restore(file)


def test_a_backup_that_is_not_whole_is_refused_before_anything_is_touched(
    anna: Contact, tmp_path: Path, other_database: Callable[[], str], settings: Any
) -> None:
    file, _ = making.make(tmp_path)
    other_database()
    beside = manifest.path_of(file)
    right, said = file.read_bytes(), json.loads(beside.read_text())

    file.write_bytes(right[:-100])
    with pytest.raises(CommandError, match="SHA-256"):
        restore(file)
    file.write_bytes(right)
    beside.write_text(json.dumps({**said, "migrations": [*said["migrations"], "core.9999_later"]}))
    with pytest.raises(CommandError, match="later version"):
        restore(file)
    beside.write_text(json.dumps(said))
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(CommandError, match="FIELD_ENCRYPTION_KEYS"):
        restore(file)
    beside.unlink()
    with pytest.raises(CommandError, match="is missing"):
        restore(file)
    assert "accounts_location" not in connection.introspection.table_names()


def test_rows_that_did_not_come_back_keep_the_application_out(
    anna: Contact, tmp_path: Path, other_database: Callable[[], str]
) -> None:
    file, _ = making.make(tmp_path)
    other_database()
    beside = manifest.path_of(file)
    said = json.loads(beside.read_text())
    said["rows"]["contacts_contact"] += 1
    beside.write_text(json.dumps(said))
    with pytest.raises(CommandError, match=r"contacts_contact \(1 instead of 2\)"):
        restore(file)
    with pytest.raises(Exception, match=r"permission denied|does not exist"):
        Contact.objects.count()


def test_a_backup_overwrites_none_and_a_missing_program_is_named(
    anna: Contact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, _ = making.make(tmp_path / "mine.dump")
    with pytest.raises(BackupError, match="never overwrites"):
        making.make(file)
    monkeypatch.setattr(tools, "version", lambda program: 9)
    with pytest.raises(BackupError, match=r"no pg_dump of version \d+ or later.*postgresql-client-\d+"):
        making.make(tmp_path / "another.dump")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.dump", "mine.dump.json"]


def test_rows_written_meanwhile_are_not_in_the_backup_nor_in_its_counts(
    anna: Contact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other_database: Callable[[], str]
) -> None:
    run = tools.run

    def and_meanwhile(tool: str, *arguments: str) -> None:
        if tool == "pg_dump":
            make_contact(anna.location, name="Ben Jones", phone="+61412000002")
        run(tool, *arguments)

    monkeypatch.setattr(tools, "run", and_meanwhile)
    file, made = making.make(tmp_path)
    assert (Contact.objects.count(), made.rows["contacts_contact"]) == (2, 1)
    other_database()
    restore(file)
    assert Contact.objects.get().name == "Anna Smith"


def test_a_rehearsal_restores_beside_the_live_database_and_leaves_nothing(
    anna: Contact, tmp_path: Path, test_database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, _ = making.make(tmp_path)
    name = f"{test_database.name}_rehearsal"
    monkeypatch.setattr(restore_command, "REHEARSAL", name)
    monkeypatch.setattr(scratch, "_maintenance", lambda: test_database.address.connect("postgres"))
    Contact.objects.update(name="Since then")
    said = restore(file, rehearse=True)
    assert f"rehearsed in {name}" in said
    assert "Safe mode" not in said
    assert Contact.objects.get().name == "Since then"
    assert not SendingStop.objects.exists()
    with test_database.address.connect("postgres") as superuser:
        assert not superuser.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchall()
    file.write_bytes(b"not a backup")
    with pytest.raises(CommandError, match="SHA-256"):
        restore(file, rehearse=True)
