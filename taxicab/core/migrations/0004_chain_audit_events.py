"""Chain the audit events that are there, and let the database keep them.

Triggers refuse to change or delete an event. On PostgreSQL a deferred one chains every
new event at its commit: the head is held for that moment alone, so that two long
transactions never wait for each other over it. On SQLite the service chains.

SQLite forgets a table's triggers when a migration makes the table anew: one that alters
core_auditevent must run `create_triggers` again (a test says so).
"""

from datetime import UTC

from django.db import migrations

from taxicab.core.domain.chain import hash_fields, hash_link

KEPT = "audit events are kept as they were written"

SQLITE = {
    f"core_audit_no_{verb.lower()}": f"""
        CREATE TRIGGER core_audit_no_{verb.lower()} BEFORE {verb} ON core_auditevent
        BEGIN SELECT RAISE(ABORT, '{KEPT}'); END
    """
    for verb in ("UPDATE", "DELETE")
}

POSTGRESQL = f"""
    CREATE FUNCTION core_keep_audit() RETURNS trigger AS $$
    BEGIN
        -- The one change that is made: a new event gets its place in the chain.
        IF TG_OP = 'UPDATE' AND OLD.number IS NULL AND OLD.sha256 = ''
            AND to_jsonb(NEW) - ARRAY['number', 'previous_sha256', 'sha256']
              = to_jsonb(OLD) - ARRAY['number', 'previous_sha256', 'sha256']
        THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION '{KEPT}' USING ERRCODE = 'integrity_constraint_violation';
    END $$ LANGUAGE plpgsql;

    CREATE FUNCTION core_chain_audit() RETURNS trigger AS $$
    DECLARE
        head core_audithead%ROWTYPE;
        link text;
    BEGIN
        INSERT INTO core_audithead (id, number, sha256) VALUES (1, 0, '')
            ON CONFLICT DO NOTHING;
        SELECT * INTO head FROM core_audithead WHERE id = 1 FOR UPDATE;
        link := encode(sha256(convert_to(
            head.sha256 || ':' || (head.number + 1) || ':' || NEW.content_sha256,
            'UTF8')), 'hex');
        UPDATE core_auditevent
            SET number = head.number + 1, previous_sha256 = head.sha256, sha256 = link
            WHERE id = NEW.id;
        UPDATE core_audithead SET number = head.number + 1, sha256 = link WHERE id = 1;
        RETURN NULL;
    END $$ LANGUAGE plpgsql;

    CREATE TRIGGER core_audit_kept BEFORE UPDATE OR DELETE ON core_auditevent
        FOR EACH ROW EXECUTE FUNCTION core_keep_audit();

    CREATE CONSTRAINT TRIGGER core_audit_chained AFTER INSERT ON core_auditevent
        DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION core_chain_audit();
"""

POSTGRESQL_REMOVAL = """
    DROP TRIGGER IF EXISTS core_audit_kept ON core_auditevent;
    DROP TRIGGER IF EXISTS core_audit_chained ON core_auditevent;
    DROP FUNCTION IF EXISTS core_keep_audit();
    DROP FUNCTION IF EXISTS core_chain_audit();
"""


def chain_events(apps, schema_editor):
    """Chain the events in the order they were written in."""
    event_model = apps.get_model("core", "AuditEvent")
    head_model = apps.get_model("core", "AuditHead")
    number, last = 0, ""
    for event in event_model.objects.order_by("pk").iterator():
        fields = {
            "at": event.at.astimezone(UTC).isoformat(timespec="microseconds"),
            "user": event.user_id,
        }
        for name in ("subject_kind", "subject_key", "action", "before", "after"):
            fields[name] = getattr(event, name)
        content = hash_fields(fields | {"why": event.why, "details": event.details})
        number += 1
        link = hash_link(last, number, content)
        event_model.objects.filter(pk=event.pk).update(
            number=number, content_sha256=content, previous_sha256=last, sha256=link
        )
        last = link
    head_model.objects.create(pk=1, number=number, sha256=last)


def unchain_events(apps, schema_editor):
    """Forget the chain."""
    apps.get_model("core", "AuditHead").objects.all().delete()
    apps.get_model("core", "AuditEvent").objects.update(
        number=None, content_sha256="", previous_sha256="", sha256=""
    )


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
    dependencies = [("core", "0003_audit_chain")]

    operations = [
        migrations.RunPython(chain_events, unchain_events),
        migrations.RunPython(create_triggers, remove_triggers),
    ]
