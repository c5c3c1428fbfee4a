"""The audit log in a database: chained, kept, checked. Runs on PostgreSQL as well."""

import os
import subprocess
import sys
from contextlib import contextmanager
from importlib import import_module
from io import StringIO
from itertools import pairwise
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from taxicab.core.domain.chain import hash_link
from taxicab.core.models import AuditEvent, AuditHead
from taxicab.core.services.audit import audit_head, find_audit_faults, record

migration = import_module("taxicab.core.migrations.0004_chain_audit_events")


def chain_now():
    """Do what PostgreSQL does at a commit, which a test never reaches."""
    connection.check_constraints()


@contextmanager
def unguarded():
    """Act as somebody who owns the database and took its triggers away."""
    guards = {
        "sqlite": (
            "DROP TRIGGER core_audit_no_update",
            "DROP TRIGGER core_audit_no_delete",
        ),
        "postgresql": ["ALTER TABLE core_auditevent DISABLE TRIGGER USER"],
    }[connection.vendor]
    with connection.cursor() as cursor:
        for guard in guards:
            cursor.execute(guard)
    yield


@pytest.fixture
def events(scientist):
    made = [
        record(
            by=scientist if index % 2 else None,
            subject=("taxicab", "TAXICAB-1"),
            action=f"step {index}",
            why="Because é.",
            share=0.25,
            large=1e22,
            names=["a", "b"],
        )
        for index in range(1, 6)
    ]
    chain_now()
    return made


def said():
    return list(find_audit_faults())


def test_events_are_chained(events):
    rows = list(AuditEvent.objects.order_by("number"))
    assert len(rows) >= len(events)
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    for before, row in pairwise(rows):
        assert row.previous_sha256 == before.sha256
        assert row.sha256 == hash_link(before.sha256, row.number, row.content_sha256)
    assert audit_head().sha256 == rows[-1].sha256
    assert said() == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE core_auditevent SET why = 'x' WHERE id = %s",
        "UPDATE core_auditevent SET sha256 = 'x' WHERE id = %s",
        "DELETE FROM core_auditevent WHERE id = %s",
    ],
)
def test_database_keeps_events(events, statement):
    refused = pytest.raises(IntegrityError, match="kept as they were")
    with refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, [events[1].pk])
    assert said() == []


def test_altered_event_is_named(events):
    with unguarded():
        AuditEvent.objects.filter(pk=events[2].pk).update(why="Nothing happened.")
    (fault,) = said()
    assert f"(event {events[2].pk}, TAXICAB-1: step 3) was altered" in fault


def test_missing_event_is_counted(events):
    number = AuditEvent.objects.get(pk=events[2].pk).number
    with unguarded():
        AuditEvent.objects.filter(pk=events[2].pk).delete()
    assert said() == [f"Entry {number} is missing."]


def test_event_put_there_by_hand(events):
    AuditEvent.objects.bulk_create([AuditEvent(subject_key="X", action="made up")])
    chain_now()
    assert any("X: made up" in fault for fault in said())


def test_verify_audit_says_where_the_chain_ends(events):
    out = StringIO()
    call_command("verify_audit", stdout=out)
    assert audit_head().sha256 in out.getvalue()
    first = AuditEvent.objects.get(number=1).sha256
    call_command("verify_audit", contains=first, stdout=out)


def test_an_auditor_needs_no_production_settings(tmp_path):
    """As a program of its own, over a copy of the data with no secret key."""
    secrets = {"TAXICAB_SECRET_KEY", "TAXICAB_ALLOWED_HOSTS", "TAXICAB_DATABASE_URL"}
    environment = {k: v for k, v in os.environ.items() if k not in secrets}
    environment |= {"TAXICAB_DATA": str(tmp_path), "TAXICAB_DEBUG": "0"}

    def run(*arguments, **changes):
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(
            command,
            cwd=Path(__file__).parents[2],
            env=environment | changes,
            capture_output=True,
            text=True,
            check=False,
        )

    made = run("migrate", "core", "-v0", TAXICAB_DEBUG="1")
    assert made.returncode == 0, made.stderr
    assert "taxicab.E001" in run("check").stderr
    ended = run("verify_audit")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("0 entries, unbroken")


def test_verify_audit_fails_and_names(events):
    with unguarded():
        AuditEvent.objects.filter(pk=events[0].pk).update(after="adopted")
    err = StringIO()
    with pytest.raises(CommandError, match="has 1 fault, named"):
        call_command("verify_audit", stderr=err)
    assert f"event {events[0].pk}" in err.getvalue()


def test_verify_audit_finds_a_log_written_anew(events):
    """A chain that agrees with itself can still be another one."""
    noted = audit_head().sha256
    with unguarded():
        AuditEvent.objects.filter(pk=events[4].pk).update(why="Otherwise.")
        migration.unchain_events(apps, None)
        migration.chain_events(apps, None)
    assert said() == []
    with pytest.raises(CommandError):
        call_command("verify_audit", contains=noted, stderr=StringIO())


def test_migration_chains_what_was_there(events):
    with unguarded():
        migration.unchain_events(apps, None)
        assert not AuditHead.objects.exists()
        migration.chain_events(apps, None)
    assert said() == []
    assert AuditEvent.objects.get(pk=events[0].pk).number >= 1


def test_triggers_are_there_after_all_migrations(db):
    query = {
        "sqlite": "SELECT count(*) FROM sqlite_master WHERE type = 'trigger'"
        " AND tbl_name = 'core_auditevent'",
        "postgresql": "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal"
        " AND tgrelid = 'core_auditevent'::regclass",
    }[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(query)
        assert cursor.fetchone() == (2,)
