"""The database's own guard, by SQL that knows nothing of the services.

Runs on the default database; test_on_postgresql runs it on PostgreSQL.
"""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from taxicab.board import services
from taxicab.board.models import (
    DecisionAddendum,
    DecisionRecord,
    Meeting,
    Message,
    Thread,
    Waiver,
)
from taxicab.board.services import discussion
from taxicab.board.triggers import KEPT, NEVER_DELETED, SIGNED
from tests.support import board as make

TICKET = "UPDATE board_taxicabticket SET stage = %s WHERE id = %s"
STATUS = (
    "UPDATE board_objection SET status = %s, ended_by_id = author_id, ending = 'x'"
    " WHERE ticket_id = %s"
)
STAND = (
    "UPDATE board_objection SET status = 'standing', ended_by_id = NULL"
    " WHERE ticket_id = %s"
)
INSERT = (
    "INSERT INTO board_objection (ticket_id, author_id, part, level, test, amplifier,"
    " about, reason, raised_at, status, ended_by_id, ending)"
    " VALUES (%s, %s, '', '', '', '', '', 'Too noisy.', CURRENT_TIMESTAMP, %s, %s, '')"
)


def run(statement, *values):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


def stage_of(ticket):
    ticket.refresh_from_db()
    return ticket.stage


@pytest.fixture
def member(members):
    return members[0]


@pytest.mark.parametrize("stage", ["adopted", "implemented"])
def test_adoption_over_an_objection(hailed, member, stage):
    run(INSERT, hailed.pk, member.pk, "standing", None)
    with pytest.raises(IntegrityError, match="an objection stands"):
        run(TICKET, stage, hailed.pk)
    assert stage_of(hailed) == "hailed"


def test_adoption_after_the_objection_is_taken_back(hailed, member):
    run(INSERT, hailed.pk, member.pk, "standing", None)
    run(STATUS, "withdrawn", hailed.pk)
    run(TICKET, "adopted", hailed.pk)
    assert stage_of(hailed) == "adopted"


def test_rejection_over_an_objection(hailed, member):
    run(INSERT, hailed.pk, member.pk, "standing", None)
    run(TICKET, "rejected", hailed.pk)
    assert stage_of(hailed) == "rejected"


def test_objection_to_what_is_adopted(hailed, member):
    run(TICKET, "adopted", hailed.pk)
    with pytest.raises(IntegrityError, match="is adopted"):
        run(INSERT, hailed.pk, member.pk, "standing", None)
    run(INSERT, hailed.pk, member.pk, "withdrawn", member.pk)
    with pytest.raises(IntegrityError, match="is adopted"):
        run(STAND, hailed.pk)
    assert not hailed.objections.filter(status="standing").exists()


def test_objection_is_not_moved_to_what_is_adopted(hailed, member, scientist):
    other = make.make_set(
        "DM-200", owner=scientist, instrument=hailed.construction.instrument
    )
    moved = services.hail(other, report=make.make_report(other), by=scientist)
    run(INSERT, moved.pk, member.pk, "standing", None)
    run(TICKET, "adopted", hailed.pk)
    with pytest.raises(IntegrityError, match="is adopted"):
        run(
            "UPDATE board_objection SET ticket_id = %s WHERE ticket_id = %s",
            hailed.pk,
            moved.pk,
        )


def test_an_objection_ends_by_its_author_or_with_words(hailed, members):
    author, other = members
    with pytest.raises(IntegrityError):  # withdrawn by somebody else
        run(INSERT, hailed.pk, author.pk, "withdrawn", other.pk)
    with pytest.raises(IntegrityError):  # resolved by its author, and without words
        run(INSERT, hailed.pk, author.pk, "resolved", author.pk)
    with pytest.raises(IntegrityError):  # ended by nobody
        run(INSERT, hailed.pk, author.pk, "resolved", None)


def test_what_was_said_is_not_edited(hailed, observer):
    said = discussion.start(hailed, by=observer, text="As it was said.")
    with pytest.raises(IntegrityError, match="not edited"):
        run("UPDATE board_message SET text = 'Never.' WHERE id = %s", said.pk)
    assert Message.objects.get().text == "As it was said."


@pytest.fixture
def written(hailed, members):
    """One row of all that is kept."""
    author, other = members
    discussion.start(hailed, by=author, text="As it was said.")
    run(INSERT, hailed.pk, author.pk, "standing", None)
    Waiver.objects.create(
        instrument=hailed.construction.instrument,
        ticket=hailed,
        report=hailed.report,
        part="bias",
        calib_type="bias",
        kind="amplifier",
        reason="Known.",
        effect="None.",
        owner=other,
        expires_on=date(2027, 1, 1),
        written_by=author,
    )
    begins = datetime(2026, 11, 24, 22, tzinfo=UTC)
    meeting = Meeting.objects.create(
        day=begins.date(),
        starts_at=begins,
        ends_at=begins + timedelta(hours=1),
        zone="UTC",
    )
    record = DecisionRecord.objects.create(ticket=hailed, content="{}", sha256="0")
    DecisionAddendum.objects.create(
        decision=record, meeting=meeting, content="{}", sha256="1"
    )


def rows_of(table):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table}")
        return cursor.fetchall()


@pytest.mark.parametrize("table", NEVER_DELETED)
def test_what_was_written_is_not_deleted(written, table):
    (row,) = rows_of(table)
    with pytest.raises(IntegrityError, match="not deleted"):
        run(f"DELETE FROM {table}")
    assert rows_of(table) == [row]


def test_what_was_said_is_not_deleted_with_its_thread(written):
    with pytest.raises(IntegrityError, match="not deleted"), transaction.atomic():
        Thread.objects.all().delete()
    assert Message.objects.count() == Thread.objects.count() == 1


@pytest.mark.parametrize("table", SIGNED)
def test_what_was_frozen_is_not_edited(written, table):
    before = rows_of(table)
    for column in KEPT[table]:
        with pytest.raises(IntegrityError, match="not edited"):
            run(f"UPDATE {table} SET {column} = {column}")
    with pytest.raises(IntegrityError, match="not edited"):
        run(f"UPDATE {table} SET signature = 'x', key_id = 'y', content = '[]'")
    assert rows_of(table) == before


@pytest.mark.parametrize("table", SIGNED)
def test_a_signature_is_filled_in_once(written, table):
    sign = f"UPDATE {table} SET signature = %s, key_id = %s"
    run(sign, "made", "first")
    signed = rows_of(table)
    for signature, key in (("other", "first"), ("made", "second"), ("", "")):
        with pytest.raises(IntegrityError, match="signature is not replaced"):
            run(sign, signature, key)
    assert rows_of(table) == signed


@pytest.mark.parametrize("model", [Message, Waiver, DecisionRecord, DecisionAddendum])
def test_every_column_is_kept_but_what_ends_or_signs_a_row(model, db):
    table = model._meta.db_table
    columns = {field.column for field in model._meta.concrete_fields}
    ending = {"withdrawn_by_id", "withdrawn_at", "withdrawn_why"}
    assert set(KEPT[table]) == columns - {"id", "signature", "key_id"} - ending
    query = {
        "sqlite": "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = %s",
        "postgresql": "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname = %s",
    }[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(query, [f"board_keep_{model._meta.model_name}"])
        (written,) = (row[0] for row in cursor.fetchall())
    watched = written.split(" OF ")[1].split(" ON ")[0].replace('"', "")
    assert set(watched.split(", ")) == set(KEPT[table])


def test_triggers_are_there_after_all_migrations(db):
    query = {
        "sqlite": "SELECT tbl_name FROM sqlite_master WHERE type = 'trigger'",
        "postgresql": "SELECT tgrelid::regclass::text FROM pg_trigger"
        " WHERE NOT tgisinternal",
    }[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(query)
        tables = {row[0] for row in cursor.fetchall()}
    assert {"board_taxicabticket", *NEVER_DELETED} <= tables
