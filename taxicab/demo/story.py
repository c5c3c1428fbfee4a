"""The life of one set, as its people live it: every step through the services.

Each step looks first whether it was taken, so that a story that was interrupted
goes on where it stopped, and a story that was told is not told again.
"""

from dataclasses import dataclass

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User

from calibrations import tasks as construction_tasks
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
from distribution import tasks as distribution_tasks
from distribution.models import (
    DeploymentStage,
    DeploymentTicket,
    TargetStatus,
)
from distribution.services import deployments
from reports import tasks as report_tasks
from reports.models import ReportStatus, VerificationReport
from reports.services import reports
from taxicab.board import services as board
from taxicab.board.domain import PositionKind
from taxicab.board.models import TaxicabStage, TaxicabTicket
from taxicab.core.models import Instrument, Job, JobStatus
from taxicab.core.services.jobs import find_lost_jobs, requeue_job
from taxicab.demo.progress import Narrator, StepFailedError

__all__ = ["Nights", "Story"]

CONSTRUCTION_KEY = "DM-47447"
DEPLOYMENT_KEY = "DM-48001"
TAG = "gainFixup"
FILTERS = {"flat": "r_03"}


@dataclass(frozen=True)
class Nights:
    """The two nights of the simulated observatory."""

    construction: int
    """Day of observation of the frames that the set is made of."""
    verification: int


@dataclass
class Story:
    """What happens, in order; ``live`` tells it all."""

    instrument: Instrument
    nights: Nights
    narrator: Narrator

    def live(self) -> DeploymentTicket:
        """Live it from the construction ticket to the last site."""
        # Its workers were started for it: none of an earlier telling lives.
        find_lost_jobs(after_s=0)
        ticket = self._open_ticket()
        if ticket.stage == "building":
            for calib_type in ("bias", "dark", "flat"):
                self._build(ticket, calib_type)
            self._report(ticket)
        taxicab = self._hail(ticket)
        deployment = self._file_deployment(taxicab)
        self._adopt(taxicab)
        self._deploy(deployment)
        deployment.refresh_from_db()
        return deployment

    def _person(self, name: str) -> User:
        return get_user_model().objects.get(username=name)

    def _open_ticket(self) -> ConstructionTicket:
        ticket = ConstructionTicket.objects.filter(key=CONSTRUCTION_KEY).first()
        if ticket:
            return ticket
        self.narrator.say(f"Nora opens the construction ticket {CONSTRUCTION_KEY}.")
        return construction.open_ticket(
            key=CONSTRUCTION_KEY,
            instrument=self.instrument,
            tag=TAG,
            reason="The gains of R22 were measured anew: bias, dark and flat follow.",
            owner=self._person("nora"),
            url=f"https://example.org/browse/{CONSTRUCTION_KEY}",
        )

    def _build(self, ticket: ConstructionTicket, calib_type: str) -> None:
        """Choose, generate, verify and certify one type."""
        if self._certified(ticket, calib_type):
            return
        chosen = self._choose(
            ticket, calib_type, SelectionPurpose.GENERATION, self.nights.construction
        )
        later = self._choose(
            ticket, calib_type, SelectionPurpose.VERIFICATION, self.nights.verification
        )
        made = self._generate(ticket, chosen)
        self._verify(made, [chosen, later])
        self._certify(made)

    def _certified(self, ticket: ConstructionTicket, calib_type: str) -> bool:
        return Certification.objects.filter(
            ticket=ticket,
            generation__calib_type=calib_type,
            status=StepStatus.SUCCEEDED,
        ).exists()

    def _choose(
        self,
        ticket: ConstructionTicket,
        calib_type: str,
        purpose: SelectionPurpose,
        night: int,
    ) -> Selection:
        where = (
            f"instrument='{self.instrument.name}' AND exposure.day_obs={night} "
            f"AND exposure.observation_type='{calib_type}'"
        )
        old = ticket.selections.filter(
            where=where, purpose=purpose, status=SelectionStatus.READY
        ).first()
        if old:
            return old
        selection = selections.request_selection(
            ticket,
            calib_type=calib_type,
            purpose=purpose,
            where=where,
            physical_filter=FILTERS.get(calib_type, ""),
            by=self._person("nora"),
            task=construction_tasks.preview_selection,
        )
        self._finish(selection.job)
        selection.refresh_from_db()
        if selection.problems:
            raise StepFailedError(f"{where}: {selection.problems}")
        self.narrator.say(
            f"Nora chooses {len(selection.exposures)} {calib_type} exposures of "
            f"{night} for {purpose}."
        )
        return selection

    def _generate(self, ticket: ConstructionTicket, selection: Selection) -> Generation:
        done = Generation.objects.filter(
            ticket=ticket, selection=selection, status=StepStatus.SUCCEEDED
        ).first()
        if done:
            return done
        made = generation.request_generation(
            ticket,
            selection=selection,
            by=self._person("nora"),
            task=construction_tasks.generate_calibration,
        )
        self._finish(made.jobs.latest("pk"))
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
            by=self._person("nora"),
            task=construction_tasks.verify_calibration,
        )
        self._finish(verified.jobs.latest("pk"))
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
            by=self._person("nora"),
            task=construction_tasks.certify_calibration,
        )
        self._finish(certified.jobs.latest("pk"))
        self.narrator.say(f"Certified {certified.collection}, open end.")

    def _report(self, ticket: ConstructionTicket) -> None:
        if ticket.reports.filter(status=ReportStatus.READY).exists():
            return
        report = reports.request_report(
            ticket,
            verifications=list(
                Verification.objects.filter(
                    generation__ticket=ticket, status=StepStatus.SUCCEEDED
                )
            ),
            by=self._person("nora"),
            task=report_tasks.build_report,
        )
        self._finish(report.job)
        report.refresh_from_db()
        self.narrator.say(f"The report is ready: {report.sha256[:12]}…")

    def _hail(self, ticket: ConstructionTicket) -> TaxicabTicket:
        old = TaxicabTicket.objects.filter(construction=ticket).first()
        if old:
            return old
        report = VerificationReport.objects.filter(
            ticket=ticket, status=ReportStatus.READY
        ).latest("version")
        taxicab = board.hail(
            ticket,
            report=report,
            by=self._person("nora"),
            summary="One amplifier is just over its noise limit and one grew noisier; "
            "a saturated flat is among the inputs. Are they acceptable?",
        )
        self.narrator.say(f"Nora hails the TAXICAB: {taxicab.key}.")
        return taxicab

    def _file_deployment(self, taxicab: TaxicabTicket) -> DeploymentTicket:
        old = DeploymentTicket.objects.filter(taxicab=taxicab).first()
        if old:
            return old
        self.narrator.say(f"Omar files the deployment ticket {DEPLOYMENT_KEY}.")
        return deployments.file_deployment(
            taxicab, key=DEPLOYMENT_KEY, by=self._person("omar")
        )

    def _adopt(self, taxicab: TaxicabTicket) -> None:
        if taxicab.stage != TaxicabStage.HAILED:
            return
        comments = {
            "ines": "The failing amplifiers are known; better than what we have.",
            "tomas": "Agreed. Rebuild the flat without the saturated frame next time.",
        }
        for name, comment in comments.items():
            board.take_position(
                taxicab,
                kind=PositionKind.ADOPT,
                comment=comment,
                by=self._person(name),
            )
            self.narrator.say(f"{name.capitalize()}: adopt. “{comment}”")
        board.adopt(
            taxicab,
            by=self._person("tomas"),
            reason="Consensus of the board, despite the failures discussed.",
        )
        self.narrator.say(f"{taxicab.key} is adopted.")

    def _deploy(self, deployment: DeploymentTicket) -> None:
        if deployment.stage == DeploymentStage.FILED:
            self.narrator.say("Omar starts the deployment.")
            deployments.start_deployment(
                deployment,
                by=self._person("omar"),
                task=distribution_tasks.run_deployment_step,
            )
        self._run_failed_again(deployment)
        self.narrator.wait_until(
            lambda: _is_settled(deployment), lambda: _where_it_is(deployment)
        )
        for target in deployment.targets.select_related("repository__facility"):
            self.narrator.say(f"{target.repository}: {target.status}.")

    def _run_failed_again(self, deployment: DeploymentTicket) -> None:
        for target in deployment.targets.filter(status=TargetStatus.FAILED):
            step = target.steps.filter(status="failed").first()
            if step:
                deployments.run_step_again(
                    step,
                    by=self._person("omar"),
                    task=distribution_tasks.run_deployment_step,
                )

    def _finish(self, job: Job | None) -> None:
        """Wait for a job; one that an earlier telling left is run again."""
        if job is None:
            raise StepFailedError("A step was taken without a job.")
        if job.status in {JobStatus.FAILED, JobStatus.CANCELLED}:
            requeue_job(job, by=self._person("nora"))
        self.narrator.wait_for(job)


def _is_settled(deployment: DeploymentTicket) -> bool:
    moving = (TargetStatus.PLANNED, TargetStatus.RUNNING)
    return not deployment.targets.filter(status__in=moving).exists()


def _where_it_is(deployment: DeploymentTicket) -> str:
    targets = deployment.targets.select_related("repository__facility")
    return ", ".join(f"{target.repository} {target.status}" for target in targets)
