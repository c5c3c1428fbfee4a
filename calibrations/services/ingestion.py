"""Which repository an ingest means, and the gateway to it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from django.db import DatabaseError

from calibrations.butler.client import ButlerGateway, ButlerSettings
from calibrations.services.repositories import butler_settings, expand_location
from taxicab.core.models import Repository
from taxicab.errors import ConflictError, InputError, NotFoundError

__all__ = ["find_gateway", "find_repository"]


def find_repository(name: str) -> Repository | None:
    """Find a repository by its path at the site, or by ``facility path``."""
    found = [r for r in _known() if name in (r.path, str(r))]
    if len(found) > 1:
        raise ConflictError(
            f"Several repositories are called {name}: "
            f"{', '.join(str(repository) for repository in found)}. Name the facility."
        )
    return found[0] if found else None


def _known() -> list[Repository]:
    """List the portal's repositories.

    Raises
    ------
    ConflictError
        If the portal's database is not there, or its tables are not.
    """
    try:
        return list(Repository.objects.select_related("facility"))
    except DatabaseError as error:
        raise ConflictError(
            "The portal's database cannot be asked which repositories it knows: "
            f"{error}. Make or bring its tables up to date with manage.py migrate, and "
            "check that TAXICAB_DATA and TAXICAB_DATABASE_URL are those of the portal."
        ) from error


def find_gateway(
    name: str,
    *,
    instrument: str = "",
    needs_instrument: bool = False,
    **options: Any,
) -> ButlerGateway:
    """Open a repository of the portal by its name, or a Butler by its root.

    Parameters
    ----------
    name
        Such as ``/repo/main``, ``USDF /repo/main``, or a folder with ``butler.yaml``.
    instrument
        Camera to work for; raw files say theirs themselves.
    needs_instrument
        Refuse where it is not clear for which camera to work.
    options
        Passed on to `ButlerGateway`.

    Raises
    ------
    NotFoundError
        If neither the portal nor this machine knows it.
    InputError
        If the camera must be named.
    ConflictError
        If the portal's database cannot be asked, or does not know where it is.
    """
    repository = find_repository(name)
    if repository is None:
        root = Path(name).absolute()
        if "://" not in name and not root.exists():
            known = ", ".join(str(one) for one in _known())
            raise NotFoundError(
                f"{name} is neither a repository of the portal nor a folder here. The "
                f"portal has {known or 'none'}."
            )
        if needs_instrument and not instrument:
            raise InputError(f"Say for which camera of {name}: --instrument.")
        settings = ButlerSettings(
            root=name if "://" in name else str(root),
            instrument=instrument or "{instrument}",
        )
        return ButlerGateway(settings, **options)
    if not repository.is_connected:
        raise ConflictError(f"{repository} is not connected: it has no location.")
    if not (instrument or needs_instrument):
        first = repository.instruments.order_by("pk").first()
        instrument = first.name if first is not None else "{instrument}"
    settings = butler_settings(repository, instrument=instrument)
    root = expand_location(repository.location)
    return ButlerGateway(replace(settings, root=str(root)), **options)
