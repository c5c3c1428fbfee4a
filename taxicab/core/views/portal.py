"""Pages of jobs, repositories, people, help; the switch of colours."""

from django import forms
from django.contrib import messages
from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from taxicab.core.context import NEXT_THEME
from taxicab.core.forms import JobFilterForm
from taxicab.core.models import Job, Repository, RoleGrant
from taxicab.core.pages import (
    POLL_ENDED,
    Sheet,
    answer_sheet,
    one_page,
    posted,
    signed_in,
)
from taxicab.core.roles import PERMISSIONS, Action, Role
from taxicab.core.services.permissions import check_may, readable_instruments
from taxicab.core.services.steering import may_steer, rerun_job, stop_job
from taxicab.core.services.subjects import (
    events_about,
    readable_jobs,
    readable_repositories,
)
from taxicab.errors import NotFoundError

ONE_YEAR_S = 31_536_000


@require_POST
@login_not_required
def theme(request: HttpRequest) -> HttpResponse:
    """Remember the colours somebody chose, on this computer."""
    chosen = request.POST.get("theme", "")
    after = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(after, {request.get_host()}):
        after = "/"
    response = redirect(after)
    if chosen in NEXT_THEME and chosen:
        response.set_cookie("theme", chosen, max_age=ONE_YEAR_S, samesite="Lax")
    else:
        response.delete_cookie("theme")
    return response


@require_safe
@login_not_required
def favicon(request: HttpRequest) -> HttpResponse:
    """Send browsers that ask for the old name to the mark of the portal."""
    return redirect(static("img/taxicab.svg"))


@require_safe
def jobs(request: HttpRequest) -> HttpResponse:
    """List jobs, newest first."""
    rows = readable_jobs(request.user)
    form = JobFilterForm(
        request.GET or None, repositories=readable_repositories(request.user)
    )
    if form.is_valid():
        asked = form.cleaned_data
        if asked["status"] == "unfinished":
            rows = rows.unfinished()
        elif asked["status"]:
            rows = rows.filter(status=asked["status"])
        if asked["repository"]:
            rows = rows.filter(repository=asked["repository"])
        if asked["mine"]:
            rows = rows.filter(created_by=signed_in(request))
    context = {"page": one_page(request, rows.listed()), "form": form}
    return render(request, "core/jobs.html", context)


@require_safe
def job(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a job: what it does, its log, its end."""
    found = _find_job(request, pk)
    context = {"job": found, "may_steer": may_steer(request.user, found)}
    return render(request, "core/job.html", context)


@require_safe
def job_live(request: HttpRequest, pk: int) -> HttpResponse:
    """Answer the poll of a job's page; 286 once nothing more will happen."""
    found = _find_job(request, pk)
    status = POLL_ENDED if found.is_over else 200
    return render(request, "core/_job.html", {"job": found}, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask before a job is ended."""
    found = _find_job(request, pk)
    sheet = Sheet(
        title=f"Cancel “{found.title}”?",
        submit="Cancel the job",
        back=reverse("job", args=[pk]),
        consequences=(
            "Its process is told to end, and ended after some seconds if it does not.",
            "What is finished stays: running it again continues where it stopped.",
        ),
        is_harmful=True,
    )

    def act(_: dict[str, object]) -> str:
        stop_job(found, by=request.user)
        return f"“{found.title}” was asked to end."

    return answer_sheet(request, sheet, forms.Form(posted(request)), act)


@require_POST
def run_again(request: HttpRequest, pk: int) -> HttpResponse:
    """Run a failed or cancelled job again."""
    found = _find_job(request, pk)
    rerun_job(found, by=request.user)
    messages.success(request, f"“{found.title}” waits for a worker again.")
    return redirect("job", pk=found.pk)


@require_safe
def repositories(request: HttpRequest) -> HttpResponse:
    """List the repositories of every facility."""
    rows = readable_repositories(request.user).prefetch_related("instruments")
    return render(request, "core/repositories.html", {"repositories": rows})


@require_safe
def repository(request: HttpRequest, slug: str) -> HttpResponse:
    """Show a repository: how it is reached, its chain as last seen, its jobs."""
    found = _find_repository(request, slug)
    # It may hold cameras that this person has no part in.
    readable = set(readable_instruments(request.user))
    targets = found.deployment_targets.select_related(
        "deployment__taxicab__construction__instrument"
    ).filter(deployment__taxicab__construction__instrument__in=readable)
    # The observations belong to the room above; they are reached, never imported.
    snapshots = found.snapshots.all()
    seen = {one.instrument_id: one for one in snapshots}
    context = {
        "repository": found,
        "chains": [
            (one.name, seen.get(one.name))
            for one in found.instruments.all()
            if one in readable
        ],
        "targets": targets.order_by("-pk"),
        "jobs": readable_jobs(request.user).listed().filter(repository=found)[:20],
        "events": events_about(("repository", found.slug))[:50],
    }
    return render(request, "core/repository.html", context)


@require_safe
def people(request: HttpRequest) -> HttpResponse:
    """Show who is what, and what each role may do."""
    check_may(request.user, Action.READ)
    grants = (
        RoleGrant.objects.select_related("user", "instrument")
        # Who must be heard on what is kept in the board's room above.
        .prefetch_related("user__required_voices")
        .order_by("user__username", "role")
    )
    context = {
        "grants": grants,
        **_table_of_roles(),
        "without_role": get_user_model()
        .objects.filter(role_grants=None, is_active=True)
        .order_by("username"),
    }
    return render(request, "core/people.html", context)


@require_safe
def about(request: HttpRequest) -> HttpResponse:
    """Explain the portal: the life of a set, the names, the roles."""
    return render(request, "core/help.html", _table_of_roles())


def _table_of_roles() -> dict[str, object]:
    return {
        "roles": [
            (role, [action in PERMISSIONS[role] for action in Action]) for role in Role
        ],
        "actions": [action.value.replace("_", " ") for action in Action],
    }


def _find_job(request: HttpRequest, pk: int) -> Job:
    found = readable_jobs(request.user).filter(pk=pk).first()
    if found is None:
        raise NotFoundError(f"There is no job {pk} that you may read: see the list.")
    return found


def _find_repository(request: HttpRequest, slug: str) -> Repository:
    rows = list(readable_repositories(request.user).prefetch_related("instruments"))
    for row in rows:
        if row.slug == slug:
            return row
    names = ", ".join(row.slug for row in rows) or "none"
    raise NotFoundError(f"There is no repository {slug!r}; you may read {names}.")
