"""Several people who write the audit log in the same moment, on a real database.

Run as a program: TAXICAB_DATA and TAXICAB_DATABASE_URL say which. Prints what came of
it as JSON.
"""

import json
import threading
import time

WRITERS, ROUNDS = 4, 12


def main():
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    failures = []
    barrier = threading.Barrier(WRITERS)
    threads = [
        threading.Thread(target=write, args=(index, barrier, failures))
        for index in range(WRITERS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(outcome(failures)))


def write(index, barrier, failures):
    """Write events, some of them two in a transaction, some rolled back."""
    from django.db import connections, transaction

    from taxicab.core.services.audit import record

    try:
        barrier.wait()
        for turn in range(ROUNDS):
            with transaction.atomic():
                for step in ("begun", "ended"):
                    record(
                        by=None,
                        subject=("race", str(index)),
                        action=f"{turn} {step}",
                        share=turn / 7,
                    )
                    time.sleep(0.001)
                if turn % 4 == 3:
                    transaction.set_rollback(True)
    except Exception as error:
        failures.append(repr(error))
    finally:
        connections.close_all()


def outcome(failures):
    from taxicab.core.models import AuditEvent
    from taxicab.core.services.audit import audit_head, find_audit_faults

    rows = AuditEvent.objects.filter(subject_kind="race")
    return {
        "failures": failures,
        "faults": list(find_audit_faults()),
        "written": rows.count(),
        "expected": WRITERS * 2 * (ROUNDS - ROUNDS // 4),
        "chained": audit_head().number == AuditEvent.objects.count(),
    }


if __name__ == "__main__":
    main()
