"""How the demonstration's calibration team builds: choose, generate, verify, certify.

Each step looks first whether it was taken, so that a story that was interrupted goes
on where it stopped, and a story that was told is not told again.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User

from calibrations import tasks
from calibrations.domain.graph import build_order, specification
from calibrations.models import (
    Certification,
    ConstructionTicket,
    Generation,
    Selection,
    SelectionPurpose,
    SelectionStatus,
    StepStatus,
    Verification,
)
from calibrations.services import (
    certification,
    construction,
    generation,
    selections,
    verification,
)
from taxicab.core.models import Instrument, Job, JobStatus
from taxicab.core.services.jobs import requeue_job
from taxicab.demo.progress import Narrator, StepFailedError

__all__ = ["Builder", "Nights", "Wanted", "person"]


@dataclass(frozen=True)
class Nights:
    """The two nights of the simulated observatory."""

    construction: int
    """Day of observation of the frames that the set is made of."""
    verification: int


class Wanted(NamedTuple):
    """A type to build, in a filter where it is made for one."""

    type: str
    physical_filter: str = ""


def person(name: str) -> User:
    """Find one of the demonstration's people."""
    return get_user_model().objects.get(username=name)


@dataclass
class Builder:
    """Builds calibrations of one camera under one ticket."""

    instrument: Instrument
    nights: Nights
    narrator: Narrator
    override: str = ""
    """Reason to give where a selection has fewer exposures than its type takes."""
    seconds: dict[Wanted, float] = field(default_factory=dict)
    """How long each took, from choosing to certified, in this telling."""

    def open_ticket(self, key: str, *, tag: str, reason: str) -> ConstructionTicket:
        """Open the ticket, or find it."""
        ticket = ConstructionTicket.objects.filter(key=key).first()
        if ticket:
            return ticket
        self.narrator.say(f"Nora opens the construction ticket {key}.")
        return construction.open_ticket(
            key=key,
            instrument=self.instrument,
            tag=tag,
            reason=reason,
            owner=person("nora"),
            url=f"https://example.org/browse/{key}",
        )

    def build_all(self, ticket: ConstructionTicket, wanted: Iterable[Wanted]) -> None:
        """Build types in the order of their dependencies."""
        wanted = list(wanted)
        for calib_type in build_order(one.type for one in wanted):
            for one in wanted:
                if one.type == calib_type:
                    self.build(ticket, one)

    def build(self, ticket: ConstructionTicket, wanted: Wanted) -> None:
        """Choose, generate, verify and certify one."""
        if self._is_certified(ticket, wanted):
            return
        started = time.monotonic()
        chosen = self._choose(ticket, wanted, SelectionPurpose.GENERATION)
        made = self._generate(ticket, chosen)
        if specification(wanted.type).is_verified:
            later = self._choose(ticket, wanted, SelectionPurpose.VERIFICATION)
            self._verify(made, [chosen, later] if later.exposures else [chosen])
        self._certify(made)
        self.seconds[wanted] = time.monotonic() - started

    def finish(self, job: Job | None) -> None:
        """Wait for a job; one that an earlier telling left is run again."""
        if job is None:
            raise StepFailedError("A step was taken without a job.")
        if job.status in {JobStatus.FAILED, JobStatus.CANCELLED}:
            requeue_job(job, by=person("nora"))
        self.narrator.wait_for(job)

    def _is_certified(self, ticket: ConstructionTicket, wanted: Wanted) -> bool:
        return Certification.objects.filter(
            ticket=ticket,
            generation__calib_type=wanted.type,
            generation__physical_filter=wanted.physical_filter,
            status=StepStatus.SUCCEEDED,
        ).exists()

    def _where(self, wanted: Wanted, night: int) -> str:
        """Spell which exposures of a night serve a type."""
        spec = specification(wanted.type)
        parts = [
            f"instrument='{self.instrument.name}'",
            f"exposure.day_obs={night}",
            f"exposure.observation_type='{spec.observation_type}'",
        ]
        if spec.observation_reasons:
            reasons = ", ".join(f"'{one}'" for one in spec.observation_reasons)
            parts.append(f"exposure.observation_reason IN ({reasons})")
        if wanted.physical_filter:
            parts.append(f"physical_filter='{wanted.physical_filter}'")
        return " AND ".join(parts)

    def _choose(
        self, ticket: ConstructionTicket, wanted: Wanted, purpose: SelectionPurpose
    ) -> Selection:
        is_later = purpose == SelectionPurpose.VERIFICATION
        night = self.nights.verification if is_later else self.nights.construction
        where = self._where(wanted, night)
        old = ticket.selections.filter(
            calib_type=wanted.type,
            where=where,
            purpose=purpose,
            status=SelectionStatus.READY,
        ).first()
        if old and (old.may_run or is_later):
            return old
        selection = selections.request_selection(
            ticket,
            calib_type=wanted.type,
            purpose=purpose,
            where=where,
            physical_filter=wanted.physical_filter,
            by=person("nora"),
            task=tasks.preview_selection,
        )
        self.finish(selection.job)
        selection.refresh_from_db()
        if is_later and not selection.exposures:
            return selection  # nothing of this kind was taken again
        if selection.problems:
            self._answer(selection)
        self.narrator.say(
            f"Nora chooses {len(selection.exposures)} exposures of {night} for the "
            f"{purpose} of {selection.label}."
        )
        return selection

    def _answer(self, selection: Selection) -> None:
        """Answer for too few exposures, where the story has a reason for it."""
        if not self.override or any(p["code"] != "count" for p in selection.problems):
            raise StepFailedError(f"{selection.where}: {selection.problems}")
        selections.override_problems(selection, reason=self.override, by=person("nora"))
        selection.refresh_from_db()
        self.narrator.say(f"Nora answers for few exposures: “{self.override}”")

    def _generate(self, ticket: ConstructionTicket, selection: Selection) -> Generation:
        done = Generation.objects.filter(
            ticket=ticket, selection=selection, status=StepStatus.SUCCEEDED
        ).first()
        if done:
            return done
        made = generation.request_generation(
            ticket,
            selection=selection,
            by=person("nora"),
            task=tasks.generate_calibration,
        )
        self.finish(made.jobs.latest("pk"))
        made.refresh_from_db()
        self.narrator.say(f"Generated {made.collection}.")
        return made

    def _verify(self, made: Generation, chosen: list[Selection]) -> Verification:
        done = made.verifications.filter(status=StepStatus.SUCCEEDED).first()
        if done:
            return done
        verified = verification.request_verification(
            made,
            selections=chosen,
            by=person("nora"),
            task=tasks.verify_calibration,
        )
        self.finish(verified.jobs.latest("pk"))
        verified.refresh_from_db()
        results = verified.results
        self.narrator.say(
            f"Verified {verified.collection}: {results.count()} results, "
            f"{results.failures().count()} failed."
        )
        return verified

    def _certify(self, made: Generation) -> None:
        begin = self.nights.construction
        certified = certification.request_certification(
            made,
            begin_tai=f"{begin // 10000}-{begin // 100 % 100:02d}-{begin % 100:02d}"
            "T00:00:00",
            by=person("nora"),
            task=tasks.certify_calibration,
        )
        self.finish(certified.jobs.latest("pk"))
        self.narrator.say(f"Certified {certified.collection}, open end.")
