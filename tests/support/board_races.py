"""Two people who act on one TAXICAB ticket in the same moment, on a real database.

Run as a program: TAXICAB_DATA and TAXICAB_DATABASE_URL say which. Prints what came of
it as JSON. The threads have connections of their own, as two workers would.
"""

import json
import threading
import time
from functools import partial

ROUNDS = 8


def main():
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    call_command("loaddata", "facilities", verbosity=0)
    outcome = {
        "adoptions": race_adoptions(),
        "objections": race_objections(),
        "minutes": race_minutes(),
    }
    print(json.dumps(outcome))


def race_adoptions():
    """Two members adopt; how many won each time, and how often it is recorded."""
    from taxicab.board import services
    from taxicab.core.models import AuditEvent

    outcomes = []
    for index in range(ROUNDS):
        ticket, (ines, tomas, _) = make_agreed(f"DM-1{index:02d}")
        results = at_once(
            partial(services.adopt, fresh(ticket), by=ines),
            partial(services.adopt, fresh(ticket), by=tomas),
        )
        recorded = AuditEvent.objects.filter(
            subject_key=ticket.key, action="stage → adopted"
        ).count()
        outcomes.append([sorted(results), recorded, fresh(ticket).stage])
    return outcomes


def race_objections():
    """One adopts while another objects; never both."""
    from taxicab.board import services

    outcomes = []
    for index in range(ROUNDS):
        ticket, (ines, _, rosa) = make_agreed(f"DM-2{index:02d}")
        results = at_once(
            partial(services.adopt, fresh(ticket), by=ines),
            partial(
                services.take_position,
                fresh(ticket),
                kind="object",
                comment="Wait.",
                by=rosa,
            ),
        )
        objections = ticket.objections.filter(status="standing").count()
        outcomes.append([sorted(results), objections, fresh(ticket).stage])
    return outcomes


def race_minutes():
    """One closes the meeting while an adoption is written; what its record has."""
    from taxicab.board.services import meetings

    outcomes = []
    for index in range(2):
        ticket, (ines, tomas, _) = make_agreed(f"DM-3{index:02d}")
        meeting, is_adopted = make_begun(index, ticket), threading.Event()
        endings = at_once(
            partial(adopt_slowly, fresh(ticket), is_adopted, by=ines),
            partial(close_once, is_adopted, meetings.close_meeting, meeting, by=tomas),
        )
        frozen = fresh(ticket).record
        decided = [one.record["meeting"]["decided"] for one in frozen.addenda.all()]
        was_open = frozen.record["meeting"]["closed_at"] == ""
        outcomes.append([endings, was_open, decided, ticket.key])
    return outcomes


def adopt_slowly(ticket, is_adopted, *, by):
    """Adopt, and let the others see it half a second later only."""
    from django.db import transaction

    from taxicab.board import services

    with transaction.atomic():
        services.adopt(ticket, by=by)
        is_adopted.set()
        time.sleep(0.5)


def close_once(is_adopted, close, meeting, *, by):
    """Close while that is not committed."""
    is_adopted.wait(timeout=60)
    close(meeting, by=by)


def make_begun(index, ticket):
    """A meeting that has begun, with the ticket on its agenda."""
    from datetime import date, timedelta

    from django.utils import timezone

    from taxicab.board.models import Meeting

    now = timezone.now()
    meeting = Meeting.objects.create(
        day=date(2020, 1, 1 + index),
        starts_at=now - timedelta(hours=1),
        ends_at=now + timedelta(hours=1),
        zone="UTC",
    )
    meeting.items.create(ticket=ticket)
    return meeting


def make_agreed(key):
    """A ticket that two members adopt, and a third one who has not spoken."""
    from taxicab.board import services
    from taxicab.core.models import Instrument
    from tests.support import board

    instrument = Instrument.objects.get(name="LSSTComCam")
    nora = make_person("nora", "calibration_team", instrument)
    members = [make_person(n, "board", instrument) for n in ("ines", "tomas", "rosa")]
    construction = board.make_set(key, owner=nora, instrument=instrument)
    report = board.make_report(construction)
    ticket = services.hail(construction, report=report, by=nora)
    for member in members[:2]:
        services.take_position(ticket, kind="adopt", by=member)
    return ticket, members


def make_person(name, role, instrument):
    from django.contrib.auth import get_user_model

    from taxicab.core.models import RoleGrant

    user, _ = get_user_model().objects.get_or_create(username=name)
    RoleGrant.objects.get_or_create(user=user, role=role, instrument=instrument)
    return user


def fresh(ticket):
    from taxicab.board.models import TaxicabTicket

    return TaxicabTicket.objects.get(pk=ticket.pk)


def at_once(*actions):
    """Let everyone act at one moment; the kind of ending of each."""
    from django.db import connections

    from taxicab.errors import ConflictError

    barrier, endings = threading.Barrier(len(actions)), []

    def act(action):
        try:
            barrier.wait()
            action()
            endings.append("done")
        except ConflictError:
            endings.append("conflict")
        except Exception as error:
            endings.append(repr(error))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=act, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return endings


if __name__ == "__main__":
    main()
