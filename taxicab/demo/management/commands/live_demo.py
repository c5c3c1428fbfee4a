"""Live the demonstration's story in a portal whose workers run already."""

import time
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from taxicab.core.models import Instrument, Repository
from taxicab.demo.full_story import FullStory, full_table
from taxicab.demo.observatory import (
    build_full_observatory,
    build_observatory,
    curated_defects,
    photodiode_readings,
)
from taxicab.demo.people import PEOPLE, bring_people
from taxicab.demo.progress import Narrator
from taxicab.demo.sites import SITES, connect_sites
from taxicab.demo.story import Story
from taxicab.demo.summary import is_complete, summarise, table, write_summary
from taxicab.errors import TaxicabError


class Command(BaseCommand):
    """Tells the story; ``demo`` runs the processes it needs."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--prepare",
            action="store_true",
            help="Only build the observatory, its sites and its people.",
        )
        parser.add_argument(
            "--detectors",
            default="",
            help="Detector ids such as 0,1; all nine by default.",
        )

        parser.add_argument(
            "--full",
            action="store_true",
            help="Build every type of calibration, and LSSTCam's bias and dark.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Build the observatory, live the story, end with a table."""
        started = time.monotonic()
        narrator = Narrator()
        folder = settings.TAXICAB_DATA / "demo"
        try:
            if not Repository.objects.exists():  # loading again would disconnect them
                call_command("loaddata", "facilities", verbosity=0)
            instrument = Instrument.objects.get(name="LSSTComCam")
            if options["full"]:
                self._live_full(instrument, narrator)
                return
            passwords = bring_people(folder, instrument=instrument)
            nights = build_observatory(
                settings.TAXICAB_DATA,
                SITES,
                narrator=narrator,
                detectors=options["detectors"],
            )
            connect_sites()
            if options["prepare"]:
                return
            deployment = Story(instrument, nights, narrator).live()
        except TaxicabError as error:
            raise CommandError(str(error)) from error
        summary = summarise(
            deployment, passwords=passwords, seconds=time.monotonic() - started
        )
        write_summary(folder / "summary.json", summary)
        self._tell(summary)
        if not is_complete(deployment):
            raise CommandError(
                "Not every connected repository is deployed and self-reviewed: "
                "the table above says which."
            )

    def _live_full(self, comcam: Instrument, narrator: Narrator) -> None:
        """Construct every type of calibration, and tell how it went."""
        started = time.monotonic()
        data = settings.TAXICAB_DATA
        lsstcam = Instrument.objects.get(name="LSSTCam")
        for instrument in (comcam, lsstcam):
            bring_people(data / "demo", instrument=instrument)
        nights = build_full_observatory(data, SITES[0], narrator=narrator)
        connect_sites(SITES[:1])
        curated = curated_defects(data, "lsstcam")
        readings = photodiode_readings(data, "full")
        lines = FullStory(
            comcam, nights[0], readings, lsstcam, nights[1], curated, narrator
        ).live()
        seconds = time.monotonic() - started
        write_summary(
            data / "demo" / "full.json",
            {"seconds": round(seconds, 1), "types": [asdict(line) for line in lines]},
        )
        self.stdout.write(f"\n{full_table(lines)}\n\n{seconds:.0f} s in all.")

    def _tell(self, summary: dict[str, Any]) -> None:
        self.stdout.write(f"\n{table(summary)}\n")
        self.stdout.write(
            f"{summary['construction']} → {summary['taxicab']} → "
            f"{summary['deployment']}: {summary['stage']}, "
            f"{summary['seconds']:.0f} s.\n\nLog in as:"
        )
        roles = {person.username: person for person in PEOPLE}
        for user in summary["users"]:
            person = roles[user["username"]]
            name = f"{person.first_name} {person.last_name}"
            self.stdout.write(
                f"  {user['username']:8}{user['password']:16}"
                f"{person.role.label} ({name})"
            )
        self.stdout.write(
            f"\nAll of this, and a token for reading by REST, is in "
            f"{settings.TAXICAB_DATA / 'demo' / 'summary.json'}."
        )
