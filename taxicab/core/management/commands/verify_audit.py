"""Check the audit log's hash chain: every altered, missing or moved entry is named."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from taxicab.core.models import AuditEvent
from taxicab.core.services.audit import audit_head, find_audit_faults


class Command(BaseCommand):
    """Ends with exit code 1 if the audit log is not what was written."""

    help = __doc__
    # An auditor reads the database and serves nothing: what keeps an unsafe portal
    # from starting is no reason not to look.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--contains",
            metavar="SHA256",
            help="Hash of an entry that was noted elsewhere (an earlier head, or the "
            "one in a decision record): it must still be in the chain.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Name the faults, or say where the chain ends."""
        faults = list(find_audit_faults())
        noted = (options["contains"] or "").strip().lower()
        if noted and not AuditEvent.objects.filter(sha256=noted).exists():
            faults.append(f"No entry has the hash {noted}: the log was written anew.")
        for fault in faults:
            self.stderr.write(fault)
        if faults:
            many = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
            raise CommandError(f"The audit log has {many}, named above.")
        head = audit_head()
        self.stdout.write(f"{head.number} entries, unbroken. Head: {head.sha256}")
