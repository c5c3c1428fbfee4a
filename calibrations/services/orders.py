"""Which order of construction, and which pipelines, a site works in for a camera."""

from collections.abc import Mapping

from django.contrib.auth.models import User
from django.db import transaction

from calibrations.domain.graph import DEFAULT_GRAPH, GRAPHS, Graph, find_graph
from taxicab.core.models import Repository
from taxicab.core.roles import Action
from taxicab.core.services.audit import record
from taxicab.core.services.permissions import check_may
from taxicab.errors import ConflictError, InputError

__all__ = ["PIPELINES", "choose_graph", "chosen_graph"]

_FOLDER = "resource://calibrations/pipelines"

_SHARED = {
    name: f"{_FOLDER}/{name}.yaml"
    for name in (
        "selfReview",
        "verifyBias",
        "verifyBfk",
        "verifyCrosstalk",
        "verifyCti",
        "verifyDark",
        "verifyDefects",
        "verifyFlat",
        "verifyFringe",
        "verifyGain",
        "verifyLinearizer",
        "verifyPtc",
    )
}

_STEMS = {
    "bias": "cpBias",
    "dark": "cpDark",
    "flat": "cpFlat",
    "dark_for_defects": "cpDarkForDefects",
    "flat_for_defects": "cpFlatForDefects",
    "biasBootstrap": "cpBiasBootstrap",
    "darkBootstrap": "cpDarkBootstrap",
    "flatBootstrap": "cpFlatBootstrap",
    "defects": "cpDefects",
    "ptc": "cpPtc",
    "linearizer": "cpLinearizer",
    "bfk": "cpBfk",
    "cti": "cpCti",
    "crosstalk": "cpCrosstalk",
    "fringe": "cpFringe",
}

_FOLDERS = {"dmtn222": _FOLDER, "cp_pipe": f"{_FOLDER}/lsst"}

PIPELINES: Mapping[str, Mapping[str, str]] = {
    graph.name: {
        **_SHARED,
        **{
            str(type_): f"{_FOLDERS[graph.name]}/{_STEMS[type_]}.yaml"
            for type_ in graph.types
        },
    }
    for graph in GRAPHS.values()
}
"""Ours, by order of construction: the same tasks, told to apply what that order has.
A site with ``cp_pipe`` and ``cp_verify`` names those in its settings."""


def chosen_graph(repository: Repository, instrument: str) -> Graph:
    """Find the order in which new tickets of a camera are built at a repository.

    Raises
    ------
    InputError
        Raised if its settings name an order that is not known.
    """
    by_camera = repository.setting("instruments", {}).get(instrument, {})
    name = by_camera.get("graph", repository.setting("graph", DEFAULT_GRAPH))
    try:
        return find_graph(str(name))
    except LookupError as error:
        raise InputError(f"The Butler settings of {repository}: {error}") from None


@transaction.atomic
def choose_graph(
    repository: Repository, instrument: str, *, graph: str, by: User
) -> Graph:
    """Set the order for a camera's new tickets; open ones keep theirs."""
    camera = repository.instruments.filter(pk=instrument).first()
    if camera is None:
        raise ConflictError(f"{repository} does not hold {instrument}.")
    check_may(by, Action.MANAGE, camera)
    try:
        chosen = find_graph(graph)
    except LookupError as error:
        raise InputError(str(error)) from None
    # Read again under the transaction: another setting may just have been changed.
    fresh = Repository.objects.select_for_update().get(pk=repository.pk)
    before = chosen_graph(fresh, instrument)
    if before == chosen:
        return chosen
    settings = dict(fresh.butler)
    cameras = dict(settings.get("instruments", {}))
    cameras[instrument] = {**cameras.get(instrument, {}), "graph": chosen.name}
    fresh.butler = {**settings, "instruments": cameras}
    fresh.save(update_fields=["butler"])
    record(
        by=by,
        subject=("repository", fresh.slug),
        action=f"order of construction for {instrument}",
        before=before.name,
        after=chosen.name,
    )
    repository.butler = fresh.butler
    return chosen
