"""Opening a repository's gateway: the one place that turns a row into settings."""

import os
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from string import Template
from typing import Any

from django.conf import settings

from calibrations.butler.client import ButlerGateway, ButlerSettings
from calibrations.domain.graph import DEFAULT_GRAPH
from calibrations.services.orders import PIPELINES
from taxicab.core.models import Instrument, Repository
from taxicab.core.services.jobs import JobRecorder
from taxicab.errors import ConflictError, InputError, NotFoundError

__all__ = [
    "build_repository",
    "butler_settings",
    "check_builds",
    "expand_location",
    "open_gateway",
    "work_folder",
]


def build_repository(instrument: Instrument) -> Repository:
    """Find the one place where an instrument's calibrations are built.

    Raises
    ------
    NotFoundError
        Raised if no repository is set as the place, or it has not the instrument.
    """
    repository = (
        Repository.objects.select_related("facility").filter(is_build=True).first()
    )
    if repository is None:
        raise NotFoundError(
            "No repository is set as the one place where calibrations are built: an "
            "administrator marks one."
        )
    if not repository.instruments.filter(pk=instrument.pk).exists():
        held = ", ".join(str(one) for one in repository.instruments.all())
        raise NotFoundError(
            f"{repository} is where calibrations are built, and it does not hold "
            f"{instrument}; it holds {held or 'no camera'}."
        )
    return repository


def check_builds(repository: Repository) -> None:
    """Refuse to build anywhere but at the one place, and where nobody can reach it.

    DMTN-222 §3.1: one processing location constructs, so that every repository has
    the same calibrations.
    """
    if not repository.is_build:
        place = Repository.objects.filter(is_build=True).first()
        raise ConflictError(
            f"Calibrations are not built at {repository}: the one place for that is "
            f"{place or 'not set yet'}, from where they are deployed to the others."
        )
    _check_connected(repository)


def open_gateway(
    repository: Repository,
    recorder: JobRecorder | None = None,
    *,
    instrument: str = "",
    graph: str = DEFAULT_GRAPH,
) -> ButlerGateway:
    """Open the gateway to a connected repository, on a worker of its site.

    Parameters
    ----------
    recorder
        Hears the gateway's events and says when somebody cancelled.
    instrument
        Camera to work for; by default the only one that the repository holds, or the
        one its Butler settings name.
    graph
        Order of construction, whose pipelines are run.
    """
    _check_connected(repository)
    root = str(expand_location(repository.location))
    found = butler_settings(repository, instrument=instrument, graph=graph)
    return ButlerGateway(
        replace(found, root=root),
        on_event=recorder.on_event if recorder else None,
        should_cancel=recorder.should_cancel if recorder else None,
    )


def butler_settings(
    repository: Repository, *, instrument: str = "", graph: str = DEFAULT_GRAPH
) -> ButlerSettings:
    """Give what the gateway must know: the defaults, and what the repository changes.

    Keys under ``instruments`` → *camera* hold for that camera alone. The location is
    as it was configured: only a worker of the site can fill it in.
    """
    name = instrument or _only_instrument(repository)
    given: dict[str, Any] = dict(repository.butler)
    by_camera = given.pop("instruments", {})
    given.update(by_camera.get(name, {}))
    # What only the portal reads.
    for key in ("instrument", "graph"):
        given.pop(key, None)
    known = {field.name for field in fields(ButlerSettings)} - {"root", "instrument"}
    if unknown := sorted(given.keys() - known):
        raise InputError(
            f"The Butler settings of {repository} have {', '.join(unknown)}, which "
            f"nothing reads; there are {', '.join(sorted(known))}."
        )
    given["pipelines"] = {**PIPELINES[graph], **given.get("pipelines", {})}
    return ButlerSettings(root=repository.location, instrument=name, **given)


def expand_location(
    location: str, environment: Mapping[str, str] | None = None
) -> Path:
    """Fill in environment variables, as the repository's own worker has them."""
    values = {
        "TAXICAB_DATA": str(settings.TAXICAB_DATA),
        **(os.environ if environment is None else environment),
    }
    try:
        return Path(Template(location).substitute(values)).expanduser()
    except (KeyError, ValueError) as error:
        raise InputError(
            f"The location {location!r} cannot be filled in on this worker: {error} "
            "is not set in its environment."
        ) from None


def work_folder(kind: str, name: str) -> Path:
    """Give the folder of a step's graph and logs; the same for every attempt at it."""
    return Path(settings.WORK_ROOT) / kind / name.replace("/", "_")


def _check_connected(repository: Repository) -> None:
    if not repository.is_connected:
        raise ConflictError(
            f"{repository} is not connected: it has no location, so nothing can be "
            "done there. An administrator gives it one."
        )


def _only_instrument(repository: Repository) -> str:
    if name := repository.setting("instrument"):
        return str(name)
    names = list(repository.instruments.values_list("name", flat=True))
    if len(names) != 1:
        raise InputError(
            f"{repository} holds {', '.join(names) or 'no camera'}: say for which one."
        )
    return str(names[0])
