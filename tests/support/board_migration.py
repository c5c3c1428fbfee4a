"""Rows of an earlier portal, migrated to this one's board; prints what became of them.

Run as a program by tests.board.test_races, against a database of either kind, which may
have rows of other tests.
"""

import json
from datetime import UTC, date, datetime

import django

EARLIER = "0005_decision_records"
KEY, NUMBER = "DM-900", 900


def main():
    """Migrate to the earlier schema, write its rows, migrate on."""
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    call_command("migrate", "board", EARLIER, verbosity=0)
    loader = MigrationExecutor(connection).loader
    write_rows(loader.project_state(list(loader.applied_migrations)).apps)
    call_command("migrate", verbosity=0)
    print(json.dumps(read_rows()))


def write_rows(apps):
    """Write two objections that a meeting resolved, and two waivers."""
    model = apps.get_model
    user = model("auth", "User").objects.create(username="earlier-ines")
    other = model("auth", "User").objects.create(username="earlier-tomas")
    facility = model("core", "Facility").objects.create(name="Earlier")
    repository = model("core", "Repository").objects.create(
        facility=facility, path="/repo/earlier"
    )
    instrument, _ = model("core", "Instrument").objects.get_or_create(name="LATISS")
    construction = model("calibrations", "ConstructionTicket").objects.create(
        key=KEY, instrument=instrument, repository=repository, owner=user
    )
    report = model("reports", "VerificationReport").objects.create(
        ticket=construction, version=1, created_by=user
    )
    ticket = model("board", "TaxicabTicket").objects.create(
        number=NUMBER, construction=construction, report=report, hailed_by=user
    )
    begins = datetime(2026, 11, 24, 22, tzinfo=UTC)
    model("board", "Meeting").objects.create(
        day=date(2026, 11, 24),
        starts_at=begins,
        ends_at=begins.replace(hour=23),
        zone="UTC",
    )
    for day in ("2026-11-24", "2026-11-17", ""):
        model("board", "Objection").objects.create(
            ticket=ticket,
            author=user,
            reason="Noise.",
            status="resolved",
            ended_by=other,
            ended_at=begins,
            ending="Agreed.",
            meeting=day,
        )
    for value in (9.1, None):
        model("board", "Waiver").objects.create(
            instrument=instrument,
            ticket=ticket,
            report=report,
            part="bias",
            part_sha256="0",
            calib_type="bias",
            kind="amplifier",
            value=value,
            reason="Known.",
            effect="None.",
            owner=user,
            expires_on=date(2027, 1, 1),
            written_by=other,
        )


def read_rows():
    """Read them as the portal has them now; try to edit a waiver and to delete it."""
    from taxicab.board.models import Objection, Waiver

    measured = Waiver.objects.exclude(value=None)
    edits = (lambda: measured.update(holds_to=99.0), measured.delete)
    is_kept = all(map(is_refused, edits))
    return {
        "objections": [
            [str(row.meeting.day) if row.meeting else "", row.ending]
            for row in Objection.objects.filter(ticket__number=NUMBER)
        ],
        "waivers": [
            [row.value, row.holds_to, row.tests]
            for row in Waiver.objects.filter(ticket__number=NUMBER)
        ],
        "is_kept": is_kept,
    }


def is_refused(change):
    """Whether the database refuses a change."""
    from django.db import IntegrityError, transaction

    try:
        with transaction.atomic():
            change()
    except IntegrityError:
        return True
    return False


if __name__ == "__main__":
    django.setup()
    main()
