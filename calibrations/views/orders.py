"""The page on which an administrator chooses the order that a camera is built in."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from calibrations.domain.graph import GRAPHS, plan
from calibrations.services.orders import camera_orders, choose_graph
from calibrations.services.repositories import build_repository
from taxicab.core.models import Instrument
from taxicab.core.services.permissions import readable_instruments
from taxicab.errors import NotFoundError


@require_safe
def orders(request: HttpRequest) -> HttpResponse:
    """Show both orders, and in which each camera's new tickets are built."""
    context = {
        "graphs": [(graph, plan(graph)) for graph in GRAPHS.values()],
        "cameras": camera_orders(request.user, readable_instruments(request.user)),
    }
    return render(request, "calibrations/orders.html", context)


@require_POST
def choose(request: HttpRequest, instrument: str) -> HttpResponse:
    """Choose the order for a camera's new tickets."""
    camera = find_camera(request, instrument)
    chosen = choose_graph(
        build_repository(camera),
        instrument,
        graph=request.POST.get("graph", ""),
        by=request.user,
    )
    messages.success(
        request,
        f"New tickets of {instrument} are built in the order of {chosen.title}; open "
        "ones keep theirs.",
    )
    return redirect("construction-orders")


def find_camera(request: HttpRequest, instrument: str) -> Instrument:
    """Find a camera that somebody may read about."""
    found = readable_instruments(request.user).filter(pk=instrument).first()
    if found is None:
        raise NotFoundError(f"There is no instrument {instrument!r}.")
    return found
