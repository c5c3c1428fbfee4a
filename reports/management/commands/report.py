"""A report of any Butler repository: ``manage.py report -r REPO -O OUT -c RUN …``."""

import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from calibrations.management.progress import ProgressBar
from reports.services.archive import pack_folder
from reports.services.evidence import MANIFEST
from reports.services.standalone import report_repository
from taxicab.errors import TaxicabError


class Command(BaseCommand):
    """Write a report without the portal's database, with cpv_report.py's flags."""

    help = (
        "Write a verification report of any Butler repository whose collections were "
        "made by this portal or by cp_verify: a folder that opens from a disk. It "
        "needs no database. Flags are those of Rubin's cpv_report.py."
    )
    # Nothing is asked of the database, nor of a web server's settings.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare cpv_report.py's flags, and one for a single file."""
        parser.add_argument(
            "-r",
            "--repository",
            required=True,
            help="Butler repository: its folder, or the address of its configuration",
        )
        parser.add_argument(
            "-O",
            "--output_path",
            required=True,
            help="folder to write; a file where --zip is given",
        )
        parser.add_argument(
            "-c",
            "--collections",
            action="append",
            required=True,
            metavar="COLLECTION",
            help="run, or chain of runs, of verification or generation; again for more",
        )
        parser.add_argument(
            "--no_copy",
            dest="with_pictures",
            action="store_false",
            help="leave out images and the plots of verification: tables and planes",
        )
        parser.add_argument(
            "--do_overwrite",
            action="store_true",
            help="replace an earlier report; anything else is never replaced",
        )
        parser.add_argument(
            "--zip", dest="is_zip", action="store_true", help="write one ZIP file"
        )

    def handle(
        self,
        *,
        repository: str,
        output_path: str,
        collections: list[str],
        with_pictures: bool,
        do_overwrite: bool,
        is_zip: bool,
        verbosity: int,
        **options: Any,
    ) -> None:
        """Write beside the target, then give it its name."""
        target = Path(output_path).absolute()
        _check_target(target, is_zip=is_zip, do_overwrite=do_overwrite)
        names = list(dict.fromkeys(n for c in collections for n in c.split(",") if n))
        target.parent.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(prefix=".report-", dir=target.parent) as room,
            ProgressBar(self.stderr, quiet=verbosity == 0) as bar,
        ):
            folder = Path(room) / target.stem
            folder.mkdir()
            try:
                summary = report_repository(
                    repository,
                    names,
                    folder,
                    on_event=bar.on_event,
                    with_pictures=with_pictures,
                )
            except TaxicabError as error:
                raise CommandError(str(error), returncode=2) from error
            _put(folder, target, is_zip=is_zip)
        counts = summary["counts"]
        opened = target if is_zip else target / "index.html"
        self.stdout.write(
            f"{summary['verdict_sentence']} {counts['results']} results, "
            f"{counts['failed']} failed, {counts['unmeasured']} not measured; "
            f"missing: {len(summary['missing'])}.\n"
            f"SHA-256 of its manifest: {summary['sha256']}\nOpen {opened}"
        )


def _check_target(target: Path, *, is_zip: bool, do_overwrite: bool) -> None:
    """Refuse what would destroy something, before any work is done."""
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    is_report = zipfile.is_zipfile(target) if is_zip else (target / MANIFEST).is_file()
    if not is_report:
        raise CommandError(
            f"{target} is there and is no report: name another place.", returncode=2
        )
    if not do_overwrite:
        raise CommandError(
            f"{target} holds a report already: name another place, or replace it with "
            "--do_overwrite.",
            returncode=2,
        )


def _put(folder: Path, target: Path, *, is_zip: bool) -> None:
    if target.is_dir():
        shutil.rmtree(target)
    if is_zip:
        packed = folder.with_suffix(".zip")
        pack_folder(folder, packed)
        packed.replace(target)
    else:
        folder.chmod(0o755)
        folder.rename(target)
