"""Check a decision record, and the minutes added to it, against a public key.

No database, no portal is needed.
"""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from taxicab.core.domain.signatures import (
    find_addendum_faults,
    find_signature_faults,
    read_public_key,
)


class Command(BaseCommand):
    """Ends with exit code 1 unless the record is what was signed."""

    help = __doc__
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("file", type=Path, help="The record, as it was downloaded.")
        parser.add_argument(
            "--public-key",
            type=Path,
            required=True,
            metavar="FILE",
            help="The portal's public key: it is published at "
            "/taxicab/public-key.pem; keep one from before you need it.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Say whose decision it is, or what is wrong."""
        try:
            key = read_public_key(options["public_key"].read_bytes())
            document = json.loads(options["file"].read_bytes())
        except (OSError, ValueError) as error:
            raise CommandError(str(error)) from error
        faults = find_signature_faults(document, key)
        if not faults:
            faults = find_addendum_faults(document, key)
        for fault in faults:
            self.stderr.write(fault)
        if faults:
            raise CommandError(f"{options['file']} is not a genuine record.")
        record = document["record"]
        decision = record["decision"]
        self.stdout.write(
            f"Genuine: {record['ticket']['key']} was {decision['outcome']} by "
            f"{decision['by']} at {decision['at']}, on the evidence "
            f"{record['evidence']['sha256']}."
        )
        self.stdout.write(_minutes(record, document.get("addenda", [])))


def _minutes(record: dict[str, Any], addenda: list[dict[str, Any]]) -> str:
    """Say where the minutes of its meeting are."""
    held = record.get("meeting")
    if not held:
        return "It was decided outside a meeting."
    if held["closed_at"]:
        return f"The minutes of {held['day']} are in it."
    for addendum in addenda:
        closed = addendum["record"]["meeting"]["closed_at"]
        return (
            f"The minutes of {held['day']} were open when it was decided; they were "
            f"closed at {closed} and are added, genuine too."
        )
    return (
        f"The minutes of {held['day']} were open when it was decided, and this file "
        "has none that were closed later: download the record again."
    )
