"""Every type of calibration of one camera, and the first two of the largest camera.

Told by ``demo --full``: construction alone, without the board and the sites.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from django.db.models import Sum
from django.db.models.functions import Coalesce

from calibrations.models import ConstructionTicket, Generation, StepStatus
from calibrations.services.repositories import open_gateway
from calibrations.services.steps import Step
from taxicab.core.models import Instrument
from taxicab.core.services.jobs import find_lost_jobs
from taxicab.demo.building import Builder, Nights, Wanted
from taxicab.demo.progress import Narrator, StepFailedError

__all__ = ["FullStory", "Line", "full_table"]

COMCAM_KEY = "DM-47448"
LSSTCAM_KEY = "DM-47449"
FILTER = "y_04"
"""So red that science exposures show fringes, which need the flat of their filter."""

EVERYTHING = (
    Wanted("bias"),
    Wanted("dark_for_defects"),
    Wanted("flat_for_defects", FILTER),
    Wanted("defects"),
    Wanted("dark"),
    Wanted("flat", FILTER),
    Wanted("ptc"),
    Wanted("crosstalk"),
    Wanted("fringe", FILTER),
    Wanted("linearizer"),
    Wanted("bfk"),
    Wanted("cti"),
)
LARGEST = (Wanted("bias"), Wanted("dark"))


@dataclass(frozen=True)
class Line:
    """One type of one camera in the table at the end."""

    camera: str
    label: str
    datasets: int
    """Calibrations of its type, one a detector."""
    results: int
    failed: int
    seconds: float
    """From the first step's beginning to the last one's end, jobs alone."""


@dataclass
class FullStory:
    """What happens, in order; ``live`` tells it all."""

    comcam: Instrument
    comcam_nights: Nights
    comcam_readings: Path
    """Folder of the photodiode's readings, which tell the light of its flats."""
    lsstcam: Instrument
    lsstcam_nights: Nights
    lsstcam_curated: Path
    """Folder of its curated defects, which a dark needs."""
    narrator: Narrator

    def live(self) -> list[Line]:
        """Build everything; give a line for each type."""
        # Its workers were started for it: none of an earlier telling lives.
        find_lost_jobs(after_s=0)
        return [*self._build_comcam(), *self._build_lsstcam()]

    def _build_comcam(self) -> Iterable[Line]:
        builder = Builder(self.comcam, self.comcam_nights, self.narrator)
        ticket = builder.open_ticket(
            COMCAM_KEY, tag="everyType", reason="Every type of the graph, once through."
        )
        gateway = open_gateway(ticket.repository, instrument=self.comcam.name)
        readings = gateway.ingest_companions([str(self.comcam_readings)])
        if readings.bad_files:
            raise StepFailedError(f"Readings were refused: {readings.bad_files}")
        self.narrator.say(
            f"Readings of the photodiode: {readings.ingested} taken in, "
            f"{readings.present} were there."
        )
        builder.build_all(ticket, EVERYTHING)
        return _lines(ticket)

    def _build_lsstcam(self) -> Iterable[Line]:
        builder = Builder(
            self.lsstcam,
            self.lsstcam_nights,
            self.narrator,
            override="Five frames show the scale of 205 detectors; nobody uses them.",
        )
        ticket = builder.open_ticket(
            LSSTCAM_KEY, tag="largest", reason="The scale of the largest camera."
        )
        gateway = open_gateway(ticket.repository, instrument=self.lsstcam.name)
        curated = gateway.ingest_curated(ticket.key, str(self.lsstcam_curated))
        self.narrator.say(
            f"Curated defects in {curated.collection}: {curated.ingested} taken in, "
            f"{curated.present} were there."
        )
        builder.build_all(ticket, LARGEST)
        return _lines(ticket)


def full_table(lines: Iterable[Line]) -> str:
    """Lay the lines out for a terminal."""
    head = ("camera", "type", "datasets", "results", "failed", "seconds")
    rows = [
        (
            one.camera,
            one.label,
            str(one.datasets),
            str(one.results),
            str(one.failed),
            f"{one.seconds:.0f}",
        )
        for one in lines
    ]
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i < 2 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (head, tuple("─" * width for width in widths), *rows)
    )


def _lines(ticket: ConstructionTicket) -> list[Line]:
    made = ticket.generations.filter(status=StepStatus.SUCCEEDED).order_by("pk")
    return [_line(ticket, generation) for generation in made]


def _line(ticket: ConstructionTicket, generation: Generation) -> Line:
    verified = generation.verifications.filter(status=StepStatus.SUCCEEDED)
    steps: list[Step] = [
        generation,
        *verified,
        *generation.certifications.all(),
    ]
    jobs = [job for step in steps for job in step.jobs.all()]
    seconds = sum(
        (job.ended_at - job.started_at).total_seconds()
        for job in jobs
        if job.started_at and job.ended_at
    )
    return Line(
        camera=ticket.instrument_id,
        label=generation.label,
        datasets=generation.certifications.aggregate(n=Coalesce(Sum("n_datasets"), 0))[
            "n"
        ],
        results=sum(one.results.count() for one in verified),
        failed=sum(one.results.failures().count() for one in verified),
        seconds=seconds,
    )
