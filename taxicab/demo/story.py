"""The life of one set, as its people live it: every step through the services.

Each step looks first whether it was taken, so that a story that was interrupted
goes on where it stopped, and a story that was told is not told again.
"""

from dataclasses import dataclass
from functools import cached_property

from calibrations.models import ConstructionTicket, StepStatus, Verification
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
from taxicab.board.models import TaxicabTicket
from taxicab.core.models import Instrument
from taxicab.core.services.jobs import find_lost_jobs
from taxicab.demo.approval import decide
from taxicab.demo.building import Builder, Nights, Wanted, person
from taxicab.demo.progress import Narrator

__all__ = ["Story"]

CONSTRUCTION_KEY = "DM-47447"
DEPLOYMENT_KEY = "DM-48001"
TAG = "gainFixup"
SET = (
    Wanted("bias"),
    Wanted("dark_for_defects"),
    Wanted("flat_for_defects", "r_03"),
    Wanted("defects"),
    Wanted("dark"),
    Wanted("flat", "r_03"),
)


@dataclass
class Story:
    """What happens, in order; ``live`` tells it all."""

    instrument: Instrument
    nights: Nights
    narrator: Narrator

    @cached_property
    def builder(self) -> Builder:
        """The calibration team's work."""
        return Builder(self.instrument, self.nights, self.narrator)

    def live(self) -> DeploymentTicket:
        """Live it from the construction ticket to the last site."""
        # Its workers were started for it: none of an earlier telling lives.
        find_lost_jobs(after_s=0)
        ticket = self.builder.open_ticket(
            CONSTRUCTION_KEY,
            tag=TAG,
            reason="The gains of R22 were measured anew: bias, dark and flat follow.",
        )
        if ticket.stage == "building":
            self.builder.build_all(ticket, SET)
            self._report(ticket)
        taxicab = self._hail(ticket)
        deployment = self._file_deployment(taxicab)
        if taxicab.is_open:
            decide(taxicab, self.narrator)
        self._deploy(deployment)
        deployment.refresh_from_db()
        return deployment

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
            by=person("nora"),
            task=report_tasks.build_report,
        )
        self.builder.finish(report.job)
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
            by=person("nora"),
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
            taxicab, key=DEPLOYMENT_KEY, by=person("omar")
        )

    def _deploy(self, deployment: DeploymentTicket) -> None:
        if deployment.stage == DeploymentStage.FILED:
            self.narrator.say("Omar starts the deployment.")
            deployments.start_deployment(
                deployment,
                by=person("omar"),
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
                    by=person("omar"),
                    task=distribution_tasks.run_deployment_step,
                )


def _is_settled(deployment: DeploymentTicket) -> bool:
    moving = (TargetStatus.PLANNED, TargetStatus.RUNNING)
    return not deployment.targets.filter(status__in=moving).exists()


def _where_it_is(deployment: DeploymentTicket) -> str:
    targets = deployment.targets.select_related("repository__facility")
    return ", ".join(f"{target.repository} {target.status}" for target in targets)
