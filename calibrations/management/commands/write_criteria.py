"""Write the page of criteria, or check that it is in step with the code."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from calibrations.domain.criteria.document import criteria_page


class Command(BaseCommand):
    """``manage.py write_criteria [--check] [PATH]``."""

    help = "Write docs/criteria.md from the criteria that judge."
    requires_system_checks = ()  # it needs no site, only the code

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the page's path."""
        parser.add_argument(
            "path",
            nargs="?",
            type=Path,
            default=Path(settings.BASE_DIR) / "docs" / "criteria.md",
        )
        parser.add_argument(
            "--check", action="store_true", help="write nothing; fail if it differs"
        )

    def handle(self, *, path: Path, check: bool, **options: Any) -> None:
        """Write or compare."""
        page = criteria_page()
        if not check:
            path.write_text(page, encoding="utf-8")
            self.stdout.write(f"Wrote {path}.")
        elif not path.exists() or path.read_text(encoding="utf-8") != page:
            raise CommandError(
                f"{path} is not what the criteria say: run manage.py write_criteria."
            )
