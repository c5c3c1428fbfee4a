"""Pages of a ticket's steps: choosing exposures, generating, verifying, certifying."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from calibrations import tasks
from calibrations.domain.graph import find_graph
from calibrations.forms import CertifyForm, SelectForm, VerifyForm
from calibrations.models import ConstructionTicket, Generation, Selection
from calibrations.services import overview
from calibrations.services.certification import request_certification
from calibrations.services.consequences import consequences_of
from calibrations.services.generation import request_generation
from calibrations.services.graphs import graph_view
from calibrations.services.removal import request_removal
from calibrations.services.selections import override_problems, request_selection
from calibrations.services.validity import suggest_validity
from calibrations.services.verification import request_verification
from calibrations.views.tickets import find_ticket
from taxicab.core.models import Job
from taxicab.core.pages import POLL_ENDED, ReasonForm, Sheet, answer_sheet, posted
from taxicab.core.roles import Action
from taxicab.core.services.permissions import check_may, may
from taxicab.errors import NotFoundError


@require_http_methods(["GET", "HEAD", "POST"])
def step(request: HttpRequest, key: str, calib_type: str) -> HttpResponse:
    """Show a type's panel; a sent form looks exposures up."""
    ticket = find_ticket(request, key)
    node = _find_node(ticket, calib_type)
    form = SelectForm(
        posted(request),
        specification=node.specification,
    )
    context = _step_context(request, ticket, node, form)
    sheet = Sheet(
        title="",
        submit="",
        back=reverse("construction-step", args=[key, calib_type]),
        template="calibrations/step.html",
    )

    def act(asked: dict) -> str:
        request_selection(
            ticket,
            calib_type=calib_type,
            by=request.user,
            task=tasks.preview_selection,
            **asked,
        )
        return "The exposures are being looked up; they are shown before they run."

    return answer_sheet(request, sheet, form, act, extra=context)


@require_safe
def step_live(request: HttpRequest, key: str, calib_type: str) -> HttpResponse:
    """Answer the poll of a type's panel; 286 once nothing runs."""
    ticket = find_ticket(request, key)
    context = _step_context(request, ticket, _find_node(ticket, calib_type), None)
    status = 200 if context["is_moving"] else POLL_ENDED
    return render(request, "calibrations/_step.html", context, status=status)


@require_safe
def selection(request: HttpRequest, key: str, pk: int) -> HttpResponse:
    """Show chosen exposures and what does not fit, before they run."""
    ticket = find_ticket(request, key)
    context = _selection_context(request, _find_selection(ticket, pk))
    return render(request, "calibrations/selection.html", context)


@require_safe
def selection_live(request: HttpRequest, key: str, pk: int) -> HttpResponse:
    """Answer the poll of a selection's page; 286 once it is looked up."""
    found = _find_selection(find_ticket(request, key), pk)
    context = _selection_context(request, found)
    status = 200 if found.status == "looking" else POLL_ENDED
    return render(request, "calibrations/_selection.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
def override(request: HttpRequest, key: str, pk: int) -> HttpResponse:
    """Ask before somebody answers for exposures that do not fit."""
    ticket = find_ticket(request, key)
    found = _find_selection(ticket, pk)
    check_may(request.user, Action.BUILD, ticket.instrument)
    sheet = Sheet(
        title="Use these exposures all the same?",
        submit="Answer for them",
        back=reverse("construction-selection", args=[key, pk]),
        consequences=(
            *(problem["sentence"] for problem in found.problems),
            "Your name and reason go into the construction record; the board reads it.",
        ),
    )

    def act(asked: dict) -> str:
        override_problems(found, by=request.user, **asked)
        return "You answered for these exposures."

    return answer_sheet(request, sheet, ReasonForm(posted(request)), act)


@require_POST
def generate(request: HttpRequest, key: str, pk: int) -> HttpResponse:
    """Generate from a selection."""
    ticket = find_ticket(request, key)
    made = request_generation(
        ticket,
        selection=_find_selection(ticket, pk),
        by=request.user,
        task=tasks.generate_calibration,
    )
    messages.success(request, f"{made.collection} waits for a worker.")
    return redirect("construction-step", key, made.calib_type)


@require_http_methods(["GET", "HEAD", "POST"])
def verify(request: HttpRequest, key: str, pk: int) -> HttpResponse:
    """Choose the nights a generation is tested on, and test it."""
    ticket = find_ticket(request, key)
    generation = _find_generation(ticket, pk)
    check_may(request.user, Action.VERIFY, ticket.instrument)
    form = VerifyForm(posted(request), generation=generation)
    sheet = Sheet(
        title=f"Verify {generation.label} {generation.rerun}",
        lead=f"Tests {generation.collection} on its construction inputs "
        f"({len(generation.selection.exposures)} exposures) and on the nights chosen.",
        submit="Verify",
        back=reverse("construction-step", args=[key, generation.calib_type]),
    )

    def act(asked: dict) -> str:
        made = request_verification(
            generation,
            selections=list(asked["selections"]),
            by=request.user,
            task=tasks.verify_calibration,
        )
        return f"{made.collection} waits for a worker."

    return answer_sheet(request, sheet, form, act)


@require_http_methods(["GET", "HEAD", "POST"])
def certify(request: HttpRequest, key: str, pk: int) -> HttpResponse:
    """Give a generation its validity range, saying first what will happen."""
    ticket = find_ticket(request, key)
    generation = _find_generation(ticket, pk)
    check_may(request.user, Action.CERTIFY, ticket.instrument)
    suggestion = suggest_validity(generation)
    form = CertifyForm(
        posted(request),
        initial={"begin_tai": suggestion.begin_tai},
        suggested_end_tai=suggestion.end_tai,
    )
    behind = consequences_of(generation)
    sheet = Sheet(
        title=f"Certify {generation.label} {generation.rerun}?",
        submit="Certify",
        back=reverse("construction-step", args=[key, generation.calib_type]),
        consequences=(
            f"The {generation.calib_type} of {generation.collection} is certified for "
            "the range below, into a CALIBRATION collection of the same name and "
            "letter.",
            f"It joins the chain {ticket.instrument_id}/calib/{ticket.key}; "
            "what comes after it in the graph is generated with it.",
            "A range that overlaps another of this collection is refused.",
            *(f"To be rebuilt after it: {one.sentence}" for one in behind),
        ),
        template="calibrations/certify.html",
    )
    extra = {"suggestion": suggestion, "generation": generation, "ticket": ticket}

    def act(asked: dict) -> str:
        made = request_certification(
            generation, by=request.user, task=tasks.certify_calibration, **asked
        )
        return f"{made.collection} waits for a worker."

    return answer_sheet(request, sheet, form, act, extra=extra)


@require_http_methods(["GET", "HEAD", "POST"])
def remove(request: HttpRequest, key: str, pk: int) -> HttpResponse:
    """Ask before a generation's run is removed."""
    ticket = find_ticket(request, key)
    generation = _find_generation(ticket, pk)
    check_may(request.user, Action.BUILD, ticket.instrument)
    sheet = Sheet(
        title=f"Remove {generation.label} {generation.rerun}?",
        submit="Remove the run",
        back=reverse("construction-step", args=[key, generation.calib_type]),
        consequences=(
            f"Every dataset of {generation.collection} is deleted from "
            f"{ticket.repository}, and cannot be brought back.",
            "It is refused when a certified collection links to the run.",
        ),
        is_harmful=True,
    )

    def act(asked: dict) -> str:
        request_removal(
            generation,
            by=request.user,
            why=asked["reason"],
            task=tasks.remove_generation,
        )
        return f"The removal of {generation.collection} waits for a worker."

    return answer_sheet(request, sheet, ReasonForm(posted(request)), act)


def _find_node(ticket: ConstructionTicket, calib_type: str) -> overview.TypeNode:
    node = overview.find_node(ticket, calib_type)
    if node is None:
        known = ", ".join(find_graph(ticket.graph).types)
        raise NotFoundError(
            f"{ticket.key} has no type {calib_type!r}; its order has {known}."
        )
    return node


def _find_selection(ticket: ConstructionTicket, pk: int) -> Selection:
    found = ticket.selections.select_related("job", "created_by").filter(pk=pk).first()
    if found is None:
        raise NotFoundError(f"{ticket.key} has no selection {pk}.")
    return found


def _find_generation(ticket: ConstructionTicket, pk: int) -> Generation:
    found = ticket.generations.select_related("selection").filter(pk=pk).first()
    if found is None:
        raise NotFoundError(f"{ticket.key} has no generation {pk}.")
    return found


def _step_context(
    request: HttpRequest,
    ticket: ConstructionTicket,
    node: overview.TypeNode,
    form: forms.Form | None,
) -> dict:
    attempts = ticket.generations.filter(calib_type=node.type).select_related(
        "selection", "created_by"
    )
    jobs = Job.objects.about("construction", ticket.key)
    view = graph_view(ticket)
    return {
        "ticket": ticket,
        "view": view,
        "needed_by": [one for one in view.nodes if node.type in one.needs],
        "node": node,
        "form": form,
        "selections": ticket.selections.filter(calib_type=node.type).select_related(
            "created_by", "job"
        ),
        "attempts": [overview.describe_attempt(one) for one in attempts],
        "is_moving": jobs.unfinished().exists(),
        "may_build_here": may(request.user, Action.BUILD, ticket.instrument),
    }


def _selection_context(request: HttpRequest, found: Selection) -> dict:
    return {
        "ticket": found.ticket,
        "selection": found,
        "is_empty": any(p["code"] == "empty" for p in found.problems),
        "may_build_here": may(request.user, Action.BUILD, found.ticket.instrument),
    }
