"""Which order of construction, and which pipelines, a site works in for a camera."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from calibrations.domain.graph import DEFAULT_GRAPH, GRAPHS, Graph, find_graph
from taxicab.core.models import Instrument, Repository
from taxicab.core.roles import Action
from taxicab.core.services.audit import record
from taxicab.core.services.permissions import check_may, may
from taxicab.errors import ConflictError, InputError

__all__ = [
    "PIPELINES",
    "CameraOrder",
    "camera_orders",
    "choose_graph",
    "chosen_graph",
]

_FOLDER = "resource://calibrations/pipelines"

_TESTS = {"verifyPtc": "verifyPtcAndGain"}
"""Files of another name than their key."""

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
    )
} | {name: f"{_FOLDER}/{stem}.yaml" for name, stem in _TESTS.items()}

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

# Tests that apply other calibrations in the order of today.
_OWN_TESTS: Mapping[str, tuple[str, ...]] = {
    "dmtn222": (),
    "cp_pipe": (
        "verifyBfk",
        "verifyBias",
        "verifyCrosstalk",
        "verifyCti",
        "verifyDark",
        "verifyFlat",
        "verifyGain",
        "verifyLinearizer",
        "verifyPtc",
    ),
}

PIPELINES: Mapping[str, Mapping[str, str]] = {
    graph.name: {
        **_SHARED,
        **{
            str(type_): f"{_FOLDERS[graph.name]}/{_STEMS[type_]}.yaml"
            for type_ in graph.types
        },
        **{
            name: f"{_FOLDERS[graph.name]}/{_TESTS.get(name, name)}.yaml"
            for name in _OWN_TESTS[graph.name]
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
    own = _of_camera(repository, instrument)
    name = own.get("graph", repository.setting("graph", DEFAULT_GRAPH))
    try:
        return find_graph(str(name))
    except LookupError as error:
        raise InputError(f"The Butler settings of {repository}: {error}") from None


@dataclass(frozen=True)
class CameraOrder:
    """In which order a camera is built, and who may change that."""

    instrument: Instrument
    repository: Repository
    graph: Graph
    own_pipelines: Mapping[str, str]
    """Addresses that the site names in place of the portal's."""
    may_choose: bool


def camera_orders(user: User, instruments: Iterable[Instrument]) -> list[CameraOrder]:
    """List the orders of cameras that are built, as somebody may see and set them."""
    place = Repository.objects.select_related("facility").filter(is_build=True).first()
    if place is None:
        return []
    held = set(place.instruments.values_list("pk", flat=True))
    return [
        CameraOrder(
            instrument=one,
            repository=place,
            graph=chosen_graph(place, one.pk),
            own_pipelines={
                **place.setting("pipelines", {}),
                **_of_camera(place, one.pk).get("pipelines", {}),
            },
            may_choose=may(user, Action.MANAGE, one),
        )
        for one in instruments
        if one.pk in held
    ]


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
    fresh = Repository.objects.get(pk=repository.pk)
    before = chosen_graph(fresh, instrument)
    if before == chosen:
        return chosen
    cameras = dict(fresh.setting("instruments", {}))
    cameras[instrument] = {**_of_camera(fresh, instrument), "graph": chosen.name}
    # On condition of the settings that were read: another key of theirs may be changed
    # at the same moment, and SQLite has no row locks.
    changed = Repository.objects.filter(pk=fresh.pk, butler=fresh.butler).update(
        butler={**fresh.butler, "instruments": cameras}
    )
    if not changed:
        raise ConflictError(
            f"Somebody else changed the settings of {repository} at this moment: look "
            "again and choose anew."
        )
    record(
        by=by,
        subject=("repository", fresh.slug),
        action=f"order of construction for {instrument}",
        before=before.name,
        after=chosen.name,
    )
    repository.refresh_from_db(fields=["butler"])
    return chosen


def _of_camera(repository: Repository, instrument: str) -> dict[str, Any]:
    """Read the Butler settings that hold for one camera alone."""
    return dict(repository.setting("instruments", {}).get(instrument, {}))
