"""Pages of deployment tickets: the matrix of repositories and steps."""

from dataclasses import dataclass

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from distribution import tasks
from distribution.domain import StepKind
from distribution.forms import DeploymentFilterForm, FileForm
from distribution.models import (
    DeploymentStage,
    DeploymentStep,
    DeploymentTarget,
    DeploymentTicket,
    TargetStatus,
)
from distribution.services import deployments as services
from distribution.services.repositories import find_snapshot
from taxicab.board.models import TaxicabStage
from taxicab.board.services import find_ticket, readable_tickets
from taxicab.core.models import Instrument, Job
from taxicab.core.pages import (
    ReasonForm,
    Sheet,
    answer_poll,
    answer_sheet,
    one_page,
    posted,
)
from taxicab.core.roles import Action
from taxicab.core.services.permissions import check_may, may, readable_instruments
from taxicab.core.services.subjects import events_about
from taxicab.errors import NotFoundError


@dataclass(frozen=True)
class MatrixRow:
    """One repository of a deployment: a sentence and a cell a kind of step."""

    target: DeploymentTarget
    sentence: str
    cells: list[DeploymentStep | None]


@require_safe
def deployments(request: HttpRequest) -> HttpResponse:
    """List deployment tickets, newest first."""
    rows = DeploymentTicket.objects.readable_by(request.user).detailed()
    instruments = readable_instruments(request.user)
    form = DeploymentFilterForm(request.GET or None, instruments=instruments)
    if form.is_valid():
        if asked := form.cleaned_data["instrument"]:
            rows = rows.filter(taxicab__construction__instrument=asked)
        if asked := form.cleaned_data["stage"]:
            rows = rows.filter(stage=asked)
    context = {"page": one_page(request, rows), "form": form}
    return render(request, "distribution/deployments.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def file_new(request: HttpRequest, key: str) -> HttpResponse:
    """File the deployment ticket of a hailed or adopted set."""
    taxicab = find_ticket(key, readable_tickets(request.user))
    sheet = Sheet(
        title=f"File the deployment of {key}",
        lead="It plans every connected repository that holds the camera, and acts only "
        "after adoption, when a deployer starts it.",
        submit="File it",
        back=reverse("taxicab-ticket", args=[key]),
    )

    def act(asked: dict) -> str:
        made = services.file_deployment(taxicab, by=request.user, **asked)
        return f"{made.key} is filed: {made.targets.count()} repositories are planned."

    return answer_sheet(request, sheet, FileForm(posted(request)), act)


@require_safe
def deployment(request: HttpRequest, key: str) -> HttpResponse:
    """Show a deployment: a sentence a site, a cell a step."""
    found = find_deployment(request, key)
    return render(request, "distribution/deployment.html", _context(request, found))


@require_safe
def deployment_live(request: HttpRequest, key: str) -> HttpResponse:
    """Answer the poll of a deployment's page; 286 once nothing runs."""
    context = _context(request, find_deployment(request, key))
    return answer_poll(request, "distribution/_deployment.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def start(request: HttpRequest, key: str) -> HttpResponse:
    """Ask before anything moves, saying what is prepended where."""
    found = find_deployment(request, key)
    check_may(request.user, Action.DEPLOY, _instrument(found))
    targets = found.targets.exclude(status=TargetStatus.SKIPPED)
    sheet = Sheet(
        title=f"Start {key}?",
        submit="Start the deployment",
        back=reverse("deployment", args=[key]),
        consequences=(
            *(_foretell(found, target) for target in targets),
            "Each step can be run again without harm, and each repository rolled back.",
        ),
    )

    def act(_: dict) -> str:
        services.start_deployment(
            found, by=request.user, task=tasks.run_deployment_step
        )
        return f"{key} is under way."

    return answer_sheet(request, sheet, forms.Form(posted(request)), act)


@require_http_methods(["GET", "HEAD", "POST"])
def withdraw(request: HttpRequest, key: str) -> HttpResponse:
    """Ask before a deployment that was not started is given up."""
    found = find_deployment(request, key)
    check_may(request.user, Action.DEPLOY, _instrument(found))
    sheet = Sheet(
        title=f"Withdraw {key}?",
        submit="Withdraw",
        back=reverse("deployment", args=[key]),
        consequences=(
            f"{key} deploys nothing; it stays in the record.",
            f"{found.taxicab.key} cannot have another deployment ticket.",
        ),
        is_harmful=True,
    )

    def act(asked: dict) -> str:
        services.withdraw_deployment(found, by=request.user, why=asked["reason"])
        return f"{key} is withdrawn."

    return answer_sheet(request, sheet, ReasonForm(posted(request)), act)


@require_http_methods(["GET", "HEAD", "POST"])
def skip(request: HttpRequest, key: str, pk: int) -> HttpResponse:
    """Ask for the reason why a repository is left out."""
    found = find_deployment(request, key)
    target = _find_target(found, pk)
    check_may(request.user, Action.SKIP_REPOSITORY, _instrument(found))
    sheet = Sheet(
        title=f"Skip {target.repository}?",
        submit="Skip it",
        back=reverse("deployment", args=[key]),
        consequences=(
            f"{target.repository} does not receive this set; the tracking table says "
            "so, with your reason.",
            f"{key} counts as deployed without it. It can be taken in again.",
        ),
    )

    def act(asked: dict) -> str:
        services.skip_target(target, by=request.user, **asked)
        return f"{target.repository} is skipped."

    return answer_sheet(request, sheet, ReasonForm(posted(request)), act)


@require_http_methods(["GET", "HEAD", "POST"])
def include(request: HttpRequest, key: str, pk: int) -> HttpResponse:
    """Ask before a skipped repository is taken in again."""
    found = find_deployment(request, key)
    target = _find_target(found, pk)
    check_may(request.user, Action.SKIP_REPOSITORY, _instrument(found))
    sheet = Sheet(
        title=f"Take {target.repository} in again?",
        submit="Take it in",
        back=reverse("deployment", args=[key]),
        consequences=(_foretell(found, target),),
    )

    def act(_: dict) -> str:
        services.include_target(target, by=request.user, task=tasks.run_deployment_step)
        return f"{target.repository} is taken in again."

    return answer_sheet(request, sheet, forms.Form(posted(request)), act)


@require_http_methods(["GET", "HEAD", "POST"])
def roll_back(request: HttpRequest, key: str, pk: int) -> HttpResponse:
    """Ask before a set is taken out of a repository's default chain."""
    found = find_deployment(request, key)
    target = _find_target(found, pk)
    check_may(request.user, Action.DEPLOY, _instrument(found))
    sheet = Sheet(
        title=f"Roll {target.repository} back?",
        submit="Roll back",
        back=reverse("deployment", args=[key]),
        consequences=(
            f"{_chain(found)} is taken out of {_default_chain(found)} at "
            f"{target.repository}: processing there goes back to what the chain had.",
            "Its datasets stay, tagged where they were tagged; running Prepend again "
            "brings the set back.",
        ),
        is_harmful=True,
    )

    def act(asked: dict) -> str:
        services.roll_back(target, by=request.user, task=tasks.put_back_target, **asked)
        return f"{target.repository} is being rolled back."

    return answer_sheet(request, sheet, ReasonForm(posted(request)), act)


@require_http_methods(["GET", "HEAD", "POST"])
def run_again(request: HttpRequest, key: str, pk: int) -> HttpResponse:
    """Ask before a step is taken again."""
    found = find_deployment(request, key)
    step = (
        DeploymentStep.objects.filter(pk=pk, target__deployment=found)
        .select_related("target__repository__facility", "target__deployment", "job")
        .first()
    )
    if step is None:
        raise NotFoundError(f"{key} has no step {pk}.")
    check_may(request.user, Action.DEPLOY, _instrument(found))
    label = StepKind(step.kind).label
    sheet = Sheet(
        title=f"Run {label} at {step.target.repository} again?",
        submit="Run it again",
        back=reverse("deployment", args=[key]),
        consequences=(
            "What is done already is left as it is; what is missing or broken is done.",
            "The steps after it go on when it has succeeded.",
        ),
    )

    def act(_: dict) -> str:
        services.run_step_again(step, by=request.user, task=tasks.run_deployment_step)
        return f"{label} at {step.target.repository} waits for a worker."

    return answer_sheet(request, sheet, forms.Form(posted(request)), act)


def find_deployment(request: HttpRequest, key: str) -> DeploymentTicket:
    """Find a deployment that somebody may read."""
    rows = DeploymentTicket.objects.readable_by(request.user).detailed()
    found = rows.filter(key=key).first()
    if found is None:
        raise NotFoundError(f"There is no deployment ticket {key!r}: see the list.")
    return found


def _context(request: HttpRequest, found: DeploymentTicket) -> dict:
    """Give what a deployment's page and its polls show."""
    user, instrument = request.user, _instrument(found)
    rows = [_matrix_row(found, target) for target in found.targets.all()]
    may_deploy = may(user, Action.DEPLOY, instrument)
    jobs = Job.objects.about("deployment", found.key)
    is_adopted = found.taxicab.stage in (
        TaxicabStage.ADOPTED,
        TaxicabStage.IMPLEMENTED,
    )
    return {
        "deployment": found,
        "taxicab": found.taxicab,
        "ticket": found.taxicab.construction,
        "chain": _chain(found),
        "default_chain": _default_chain(found),
        "kinds": list(StepKind),
        "rows": rows,
        "is_adopted": is_adopted,
        "is_moving": jobs.unfinished().exists(),
        "may_deploy_here": may_deploy,
        "may_start": may_deploy and is_adopted and found.stage == DeploymentStage.FILED,
        "may_skip_here": may(user, Action.SKIP_REPOSITORY, instrument),
        "events": events_about(("deployment", found.key))[:100],
    }


def _matrix_row(found: DeploymentTicket, target: DeploymentTarget) -> MatrixRow:
    steps = {step.kind: step for step in target.steps.all()}
    return MatrixRow(
        target=target,
        sentence=_sentence(found, target, steps),
        cells=[steps.get(kind) for kind in StepKind],
    )


def _sentence(
    found: DeploymentTicket,
    target: DeploymentTarget,
    steps: dict[str, DeploymentStep],
) -> str:
    """Say in words what a repository has of a set."""
    name, chain = str(target.repository), _chain(found)
    prepended = steps.get(StepKind.PREPEND)
    since = (
        f" since {prepended.ended_at:%Y-%m-%d %H:%M} UTC"
        if (prepended and prepended.ended_at)
        else ""
    )
    review = steps.get(StepKind.SELF_REVIEW)
    exposure = review.result.get("exposure") if review else None
    of = f" on exposure {exposure}" if exposure else ""
    failed = next((s for s in steps.values() if s.status == "failed"), None)
    sentences = {
        TargetStatus.PLANNED: f"{name} does not serve {chain} yet.",
        TargetStatus.RUNNING: f"{name} is being worked on.",
        TargetStatus.WAITING: f"{name} serves {chain}{since}; the self-review waits "
        "for an exposure in the validity range.",
        TargetStatus.DEPLOYED: f"{name} serves {chain}{since}; self-review passed{of}.",
        TargetStatus.FAILED: f"{name}: {StepKind(failed.kind).label} failed. "
        f"{failed.message}"
        if failed
        else f"{name} failed.",
        TargetStatus.SKIPPED: f"{name} is skipped: {target.skip_reason}",
    }
    return sentences[TargetStatus(target.status)]


def _foretell(found: DeploymentTicket, target: DeploymentTarget) -> str:
    """Say what starting does at a repository."""
    snapshot = find_snapshot(target.repository, _instrument(found))
    before = ""
    if snapshot is not None:
        n = len(snapshot.chain)
        before = f" before {n} other{'' if n == 1 else 's'}" if n else ", as the first"
    what = f"prepends {_chain(found)} to {_default_chain(found)}{before}"
    if target.is_origin:
        return f"At {target.repository}, where the set was built: {what}."
    tagged = ", tags every dataset" if target.repository.is_cleaned else ""
    return (
        f"To {target.repository}: copies the sealed export, checks every file, imports "
        f"it, {what}{tagged}."
    )


def _find_target(found: DeploymentTicket, pk: int) -> DeploymentTarget:
    target = found.targets.filter(pk=pk).select_related("repository__facility").first()
    if target is None:
        raise NotFoundError(f"{found.key} has no target {pk}.")
    return target


def _instrument(found: DeploymentTicket) -> Instrument:
    return found.taxicab.construction.instrument


def _default_chain(found: DeploymentTicket) -> str:
    return f"{found.taxicab.construction.instrument_id}/calib"


def _chain(found: DeploymentTicket) -> str:
    return f"{_default_chain(found)}/{found.taxicab.construction.key}"
