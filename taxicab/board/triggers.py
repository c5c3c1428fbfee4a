"""What the database itself refuses, on SQLite and on PostgreSQL.

- The adoption of a ticket on which an objection stands, and an objection to what is
  adopted; also when two people act at once. On PostgreSQL an objection holds its
  ticket's row for the rest of its transaction, because there two transactions do not
  see each other's changes.
- Any change of what was said in a discussion, of a waiver but its withdrawal, and of a
  decision's record and addenda but the signature, which is filled in once.
- That one of these, or an objection, is deleted.

SQLite forgets a table's triggers when a migration makes the table anew, and cannot
rename one that another's trigger names: a migration that alters one of these tables
runs `remove_triggers` first and `create_triggers` last (a test says so). Earlier
migrations run it too, before some of the tables and columns are there.
"""

from collections.abc import Iterator
from typing import Any

__all__ = ["create_triggers", "remove_triggers"]

DECIDED = "('adopted', 'implemented')"
STANDS = (
    "SELECT 1 FROM board_objection WHERE ticket_id = NEW.id AND status = 'standing'"
)
ADOPTED = (
    f"SELECT 1 FROM board_taxicabticket WHERE id = NEW.ticket_id AND stage IN {DECIDED}"
)
# Quoted: `limit` is a word of SQL.
KEPT = {
    "board_message": ("text", "author_id", "thread_id", "supersedes_id", "written_at"),
    "board_waiver": (
        "instrument_id",
        "ticket_id",
        "report_id",
        "part",
        "part_sha256",
        "calib_type",
        "physical_filter",
        "kind",
        "level",
        "test",
        "raft",
        "detector",
        "amplifier",
        "exposure",
        "place",
        "tests",
        "value",
        "holds_to",
        "limit",
        "unit",
        "margin",
        "text",
        "reason",
        "effect",
        "owner_id",
        "expires_on",
        "written_by_id",
        "written_at",
    ),
    "board_decisionrecord": ("content", "sha256", "ticket_id", "made_at"),
    "board_decisionaddendum": (
        "content",
        "sha256",
        "decision_id",
        "meeting_id",
        "made_at",
    ),
}
"""Columns, by table: all but the number of a row and what ends or signs it."""

SIGNED = ("board_decisionrecord", "board_decisionaddendum")
NEVER_DELETED = (*KEPT, "board_objection")

_ADOPT = f"""
    WHEN NEW.stage IN {DECIDED} AND EXISTS ({STANDS})
    BEGIN SELECT RAISE(ABORT, 'an objection stands on this TAXICAB ticket'); END
"""
_OBJECT = f"""
    WHEN NEW.status = 'standing' AND EXISTS ({ADOPTED})
    BEGIN SELECT RAISE(ABORT, 'this TAXICAB ticket is adopted'); END
"""


def _name(does: str, table: str) -> str:
    return f"board_{does}_{table.removeprefix('board_')}"


NAMES = (
    "board_adopt_over_objection",
    "board_insert_adopted",
    "board_object_to_adopted",
    "board_turn_to_objection",
    *(_name("keep", table) for table in KEPT),
    *(_name("sign_once", table) for table in SIGNED),
    *(_name("no_delete", table) for table in NEVER_DELETED),
)

SQLITE = (
    "CREATE TRIGGER board_adopt_over_objection"
    f" BEFORE UPDATE OF stage ON board_taxicabticket {_ADOPT}",
    "CREATE TRIGGER board_insert_adopted"
    f" BEFORE INSERT ON board_taxicabticket {_ADOPT}",
    "CREATE TRIGGER board_object_to_adopted"
    f" BEFORE INSERT ON board_objection {_OBJECT}",
    "CREATE TRIGGER board_turn_to_objection"
    f" BEFORE UPDATE OF status, ticket_id ON board_objection {_OBJECT}",
)

POSTGRESQL = f"""
    CREATE FUNCTION board_refuse_adoption() RETURNS trigger AS $$
    BEGIN
        IF NEW.stage IN {DECIDED} AND EXISTS ({STANDS}) THEN
            RAISE EXCEPTION 'an objection stands on this TAXICAB ticket'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$ LANGUAGE plpgsql;

    CREATE FUNCTION board_refuse_objection() RETURNS trigger AS $$
    DECLARE
        found text;
    BEGIN
        -- Waits for an adoption under way, and makes a later one wait for this.
        SELECT stage INTO found FROM board_taxicabticket
            WHERE id = NEW.ticket_id FOR SHARE;
        IF NEW.status = 'standing' AND found IN {DECIDED} THEN
            RAISE EXCEPTION 'this TAXICAB ticket is adopted'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$ LANGUAGE plpgsql;

    CREATE FUNCTION board_refuse_edit() RETURNS trigger AS $$
    BEGIN
        RAISE EXCEPTION '%', TG_ARGV[0]
            USING ERRCODE = 'integrity_constraint_violation';
    END $$ LANGUAGE plpgsql;

    CREATE TRIGGER board_adopt_over_objection
        BEFORE INSERT OR UPDATE OF stage ON board_taxicabticket
        FOR EACH ROW EXECUTE FUNCTION board_refuse_adoption();

    CREATE TRIGGER board_object_to_adopted
        BEFORE INSERT OR UPDATE OF status, ticket_id ON board_objection
        FOR EACH ROW EXECUTE FUNCTION board_refuse_objection();
"""

FUNCTIONS = ("board_refuse_adoption", "board_refuse_objection", "board_refuse_edit")


def create_triggers(apps: Any, schema_editor: Any) -> None:
    """Create the triggers in the dialect of the database."""
    remove_triggers(apps, schema_editor)
    is_postgresql = schema_editor.connection.vendor == "postgresql"
    for statement in (POSTGRESQL,) if is_postgresql else SQLITE:
        schema_editor.execute(statement, params=None)
    for name, when, rows, words in _refusals(schema_editor):
        then = f"{rows} BEGIN SELECT RAISE(ABORT, '{words}'); END"
        if is_postgresql:
            then = f"FOR EACH ROW {rows} EXECUTE FUNCTION board_refuse_edit('{words}')"
        schema_editor.execute(f"CREATE TRIGGER {name} {when} {then}", params=None)


def _refusals(schema_editor: Any) -> Iterator[tuple[str, str, str, str]]:
    """Give name, moment, rows and words of what is refused on the tables there are."""
    for table in _tables_there(schema_editor):
        if table in KEPT:
            when = f"BEFORE UPDATE OF {_columns_there(table, schema_editor)} ON {table}"
            yield _name("keep", table), when, "", "what was written is not edited"
        if table in SIGNED:
            when = f"BEFORE UPDATE OF signature, key_id ON {table}"
            signed = "WHEN (OLD.signature <> '')"
            yield _name("sign_once", table), when, signed, "a signature is not replaced"
        when = f"BEFORE DELETE ON {table}"
        yield _name("no_delete", table), when, "", "what was written is not deleted"


def _tables_there(schema_editor: Any) -> list[str]:
    connection = schema_editor.connection
    with connection.cursor() as cursor:
        there = set(connection.introspection.table_names(cursor))
    return [table for table in NEVER_DELETED if table in there]


def _columns_there(table: str, schema_editor: Any) -> str:
    connection = schema_editor.connection
    with connection.cursor() as cursor:
        there = connection.introspection.get_table_description(cursor, table)
    known = {column.name for column in there}
    return ", ".join(f'"{name}"' for name in KEPT[table] if name in known)


def remove_triggers(apps: Any, schema_editor: Any) -> None:
    """Remove the triggers where they are."""
    if schema_editor.connection.vendor == "postgresql":
        # With a function go the triggers that call it.
        for name in FUNCTIONS:
            schema_editor.execute(f"DROP FUNCTION IF EXISTS {name}() CASCADE")
        return
    for name in NAMES:
        schema_editor.execute(f"DROP TRIGGER IF EXISTS {name}")
