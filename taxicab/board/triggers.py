"""What the database itself refuses, on SQLite and on PostgreSQL.

- The adoption of a ticket on which an objection stands, and an objection to what is
  adopted; also when two people act at once. On PostgreSQL an objection holds its
  ticket's row for the rest of its transaction, because there two transactions do not
  see each other's changes.
- Any change of what was said in a discussion, or of a waiver but its withdrawal.

SQLite forgets a table's triggers when a migration makes the table anew, and cannot
rename one that another's trigger names: a migration that alters one of these tables
runs `remove_triggers` first and `create_triggers` last (a test says so). Earlier
migrations run it too, before some of the columns are there.
"""

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
}
"""Columns, by table: all but the number of a row and what ends it."""

_ADOPT = f"""
    WHEN NEW.stage IN {DECIDED} AND EXISTS ({STANDS})
    BEGIN SELECT RAISE(ABORT, 'an objection stands on this TAXICAB ticket'); END
"""
_OBJECT = f"""
    WHEN NEW.status = 'standing' AND EXISTS ({ADOPTED})
    BEGIN SELECT RAISE(ABORT, 'this TAXICAB ticket is adopted'); END
"""
_KEEP = "BEGIN SELECT RAISE(ABORT, 'what was written is not edited'); END"

KEEPERS = {"board_keep_message": "board_message", "board_keep_waiver": "board_waiver"}

NAMES = (
    "board_adopt_over_objection",
    "board_insert_adopted",
    "board_object_to_adopted",
    "board_turn_to_objection",
    *KEEPERS,
)


def _keep(table: str, schema_editor: Any) -> str:
    """Write when an edit is refused: of the columns that the table has by then."""
    connection = schema_editor.connection
    with connection.cursor() as cursor:
        there = connection.introspection.get_table_description(cursor, table)
    known = {column.name for column in there}
    columns = ", ".join(f'"{name}"' for name in KEPT[table] if name in known)
    return f"BEFORE UPDATE OF {columns} ON {table}"


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
        RAISE EXCEPTION 'what was written is not edited'
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
    refuse = "FOR EACH ROW EXECUTE FUNCTION board_refuse_edit()"
    for name, table in KEEPERS.items():
        when = _keep(table, schema_editor)
        then = refuse if is_postgresql else _KEEP
        schema_editor.execute(f"CREATE TRIGGER {name} {when} {then}", params=None)


def remove_triggers(apps: Any, schema_editor: Any) -> None:
    """Remove the triggers where they are."""
    if schema_editor.connection.vendor == "postgresql":
        # With a function go the triggers that call it.
        for name in FUNCTIONS:
            schema_editor.execute(f"DROP FUNCTION IF EXISTS {name}() CASCADE")
        return
    for name in NAMES:
        schema_editor.execute(f"DROP TRIGGER IF EXISTS {name}")
