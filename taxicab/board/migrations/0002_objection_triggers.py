"""The database itself refuses an adoption over a standing objection.

Services check it in words; these triggers hold whatever the code does, and when two
people act at once. On PostgreSQL a position also holds its ticket's row for the rest
of its transaction, because there two transactions do not see each other's changes.

SQLite forgets a table's triggers when a migration makes the table anew: one that alters
these tables must run `create_triggers` again (a test says so).
"""

from django.db import migrations

DECIDED = "('adopted', 'implemented')"

SQLITE = {
    "board_adopt_over_objection": f"""
        CREATE TRIGGER board_adopt_over_objection
        BEFORE UPDATE OF stage ON board_taxicabticket
        WHEN NEW.stage IN {DECIDED} AND EXISTS (
            SELECT 1 FROM board_position
            WHERE ticket_id = NEW.id AND kind = 'object')
        BEGIN SELECT RAISE(ABORT, 'an objection stands on this TAXICAB ticket'); END
    """,
    "board_insert_adopted": f"""
        CREATE TRIGGER board_insert_adopted
        BEFORE INSERT ON board_taxicabticket
        WHEN NEW.stage IN {DECIDED} AND EXISTS (
            SELECT 1 FROM board_position
            WHERE ticket_id = NEW.id AND kind = 'object')
        BEGIN SELECT RAISE(ABORT, 'an objection stands on this TAXICAB ticket'); END
    """,
    "board_object_to_adopted": f"""
        CREATE TRIGGER board_object_to_adopted
        BEFORE INSERT ON board_position
        WHEN NEW.kind = 'object' AND EXISTS (
            SELECT 1 FROM board_taxicabticket
            WHERE id = NEW.ticket_id AND stage IN {DECIDED})
        BEGIN SELECT RAISE(ABORT, 'this TAXICAB ticket is adopted'); END
    """,
    "board_turn_to_objection": f"""
        CREATE TRIGGER board_turn_to_objection
        BEFORE UPDATE OF kind, ticket_id ON board_position
        WHEN NEW.kind = 'object' AND EXISTS (
            SELECT 1 FROM board_taxicabticket
            WHERE id = NEW.ticket_id AND stage IN {DECIDED})
        BEGIN SELECT RAISE(ABORT, 'this TAXICAB ticket is adopted'); END
    """,
}

POSTGRESQL = f"""
    CREATE FUNCTION board_refuse_adoption() RETURNS trigger AS $$
    BEGIN
        IF NEW.stage IN {DECIDED} AND EXISTS (
            SELECT 1 FROM board_position
            WHERE ticket_id = NEW.id AND kind = 'object')
        THEN
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
        IF NEW.kind = 'object' AND found IN {DECIDED} THEN
            RAISE EXCEPTION 'this TAXICAB ticket is adopted'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$ LANGUAGE plpgsql;

    CREATE TRIGGER board_adopt_over_objection
        BEFORE INSERT OR UPDATE OF stage ON board_taxicabticket
        FOR EACH ROW EXECUTE FUNCTION board_refuse_adoption();

    CREATE TRIGGER board_object_to_adopted
        BEFORE INSERT OR UPDATE OF kind, ticket_id ON board_position
        FOR EACH ROW EXECUTE FUNCTION board_refuse_objection();
"""

POSTGRESQL_REMOVAL = """
    DROP TRIGGER IF EXISTS board_adopt_over_objection ON board_taxicabticket;
    DROP TRIGGER IF EXISTS board_object_to_adopted ON board_position;
    DROP FUNCTION IF EXISTS board_refuse_adoption();
    DROP FUNCTION IF EXISTS board_refuse_objection();
"""


def create_triggers(apps, schema_editor):
    """Create the triggers in the dialect of the database."""
    remove_triggers(apps, schema_editor)
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(POSTGRESQL, params=None)
        return
    for statement in SQLITE.values():
        schema_editor.execute(statement, params=None)


def remove_triggers(apps, schema_editor):
    """Remove the triggers where they are."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(POSTGRESQL_REMOVAL, params=None)
        return
    for name in SQLITE:
        schema_editor.execute(f"DROP TRIGGER IF EXISTS {name}", params=None)


class Migration(migrations.Migration):
    dependencies = [("board", "0001_initial")]

    operations = [migrations.RunPython(create_triggers, remove_triggers)]
