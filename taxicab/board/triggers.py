"""What the database itself refuses, on SQLite and on PostgreSQL.

- The adoption of a ticket on which an objection stands, and an objection to what is
  adopted; also when two people act at once. On PostgreSQL an objection holds its
  ticket's row for the rest of its transaction, because there two transactions do not
  see each other's changes.
- Any change of what was said in a discussion, or measured and reasoned in a waiver.

SQLite forgets a table's triggers when a migration makes the table anew, and cannot
rename one that another's trigger names: a migration that alters one of these tables
runs `remove_triggers` first and `create_triggers` last (a test says so).
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
    "board_message": ("text", "author_id", "thread_id", "supersedes_id"),
    "board_waiver": (
        "calib_type",
        "physical_filter",
        "level",
        "test",
        "raft",
        "detector",
        "amplifier",
        "exposure",
        "value",
        "limit",
        "reason",
        "effect",
        "owner_id",
        "expires_on",
        "written_by_id",
    ),
}

_ADOPT = f"""
    WHEN NEW.stage IN {DECIDED} AND EXISTS ({STANDS})
    BEGIN SELECT RAISE(ABORT, 'an objection stands on this TAXICAB ticket'); END
"""
_OBJECT = f"""
    WHEN NEW.status = 'standing' AND EXISTS ({ADOPTED})
    BEGIN SELECT RAISE(ABORT, 'this TAXICAB ticket is adopted'); END
"""
_KEEP = "BEGIN SELECT RAISE(ABORT, 'what was written is not edited'); END"

NAMES = (
    "board_adopt_over_objection",
    "board_insert_adopted",
    "board_object_to_adopted",
    "board_turn_to_objection",
    "board_keep_message",
    "board_keep_waiver",
)


def _columns(table: str) -> str:
    return ", ".join(f'"{name}"' for name in KEPT[table])


SQLITE = (
    "CREATE TRIGGER board_adopt_over_objection"
    f" BEFORE UPDATE OF stage ON board_taxicabticket {_ADOPT}",
    "CREATE TRIGGER board_insert_adopted"
    f" BEFORE INSERT ON board_taxicabticket {_ADOPT}",
    "CREATE TRIGGER board_object_to_adopted"
    f" BEFORE INSERT ON board_objection {_OBJECT}",
    "CREATE TRIGGER board_turn_to_objection"
    f" BEFORE UPDATE OF status, ticket_id ON board_objection {_OBJECT}",
    "CREATE TRIGGER board_keep_message"
    f" BEFORE UPDATE OF {_columns('board_message')} ON board_message {_KEEP}",
    "CREATE TRIGGER board_keep_waiver"
    f" BEFORE UPDATE OF {_columns('board_waiver')} ON board_waiver {_KEEP}",
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

    CREATE TRIGGER board_keep_message
        BEFORE UPDATE OF {_columns("board_message")} ON board_message
        FOR EACH ROW EXECUTE FUNCTION board_refuse_edit();

    CREATE TRIGGER board_keep_waiver
        BEFORE UPDATE OF {_columns("board_waiver")} ON board_waiver
        FOR EACH ROW EXECUTE FUNCTION board_refuse_edit();
"""

FUNCTIONS = ("board_refuse_adoption", "board_refuse_objection", "board_refuse_edit")


def create_triggers(apps: Any, schema_editor: Any) -> None:
    """Create the triggers in the dialect of the database."""
    remove_triggers(apps, schema_editor)
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(POSTGRESQL, params=None)
        return
    for statement in SQLITE:
        schema_editor.execute(statement, params=None)


def remove_triggers(apps: Any, schema_editor: Any) -> None:
    """Remove the triggers where they are."""
    if schema_editor.connection.vendor == "postgresql":
        # With a function go the triggers that call it.
        for name in FUNCTIONS:
            schema_editor.execute(f"DROP FUNCTION IF EXISTS {name}() CASCADE")
        return
    for name in NAMES:
        schema_editor.execute(f"DROP TRIGGER IF EXISTS {name}")
