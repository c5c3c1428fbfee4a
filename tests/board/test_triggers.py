"""The database's own guard, by SQL that knows nothing of the services.

Runs on the default database; test_on_postgresql runs it on PostgreSQL.
"""

import pytest
from django.db import IntegrityError, connection, transaction

from taxicab.board import services
from tests.support import board as make

TICKET = "UPDATE board_taxicabticket SET stage = %s WHERE id = %s"
KIND = "UPDATE board_position SET kind = %s WHERE ticket_id = %s"
INSERT = (
    "INSERT INTO board_position"
    " (ticket_id, member_id, kind, comment, report_sha256, taken_at)"
    " VALUES (%s, %s, %s, '', '', CURRENT_TIMESTAMP)"
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
    run(INSERT, hailed.pk, member.pk, "object")
    with pytest.raises(IntegrityError, match="an objection stands"):
        run(TICKET, stage, hailed.pk)
    assert stage_of(hailed) == "hailed"


def test_adoption_after_the_objection_is_taken_back(hailed, member):
    run(INSERT, hailed.pk, member.pk, "object")
    run(KIND, "abstain", hailed.pk)
    run(TICKET, "adopted", hailed.pk)
    assert stage_of(hailed) == "adopted"


def test_rejection_over_an_objection(hailed, member):
    run(INSERT, hailed.pk, member.pk, "object")
    run(TICKET, "rejected", hailed.pk)
    assert stage_of(hailed) == "rejected"


def test_objection_to_what_is_adopted(hailed, member):
    run(TICKET, "adopted", hailed.pk)
    with pytest.raises(IntegrityError, match="is adopted"):
        run(INSERT, hailed.pk, member.pk, "object")
    run(INSERT, hailed.pk, member.pk, "abstain")
    with pytest.raises(IntegrityError, match="is adopted"):
        run(KIND, "object", hailed.pk)
    assert not hailed.positions.filter(kind="object").exists()


def test_objection_is_not_moved_to_what_is_adopted(hailed, member, scientist):
    other = make.make_set(
        "DM-200", owner=scientist, instrument=hailed.construction.instrument
    )
    moved = services.hail(other, report=make.make_report(other), by=scientist)
    run(INSERT, moved.pk, member.pk, "object")
    run(TICKET, "adopted", hailed.pk)
    with pytest.raises(IntegrityError, match="is adopted"):
        run(
            "UPDATE board_position SET ticket_id = %s WHERE ticket_id = %s",
            hailed.pk,
            moved.pk,
        )


def test_triggers_are_there_after_all_migrations(db):
    query = {
        "sqlite": "SELECT tbl_name FROM sqlite_master WHERE type = 'trigger'",
        "postgresql": "SELECT tgrelid::regclass::text FROM pg_trigger"
        " WHERE NOT tgisinternal",
    }[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(query)
        tables = {row[0] for row in cursor.fetchall()}
    assert {"board_taxicabticket", "board_position"} <= tables
