"""The sealed export of a deployment: made once, kept, and checked before each use."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import transaction

from calibrations.butler.client import ButlerGateway
from distribution.manifest import (
    MANIFEST_NAME,
    Manifest,
    SealBrokenError,
    describe_differences,
    find_unreadable,
    hash_file,
    seal_folder,
    verify_folder,
)
from distribution.models import DeploymentTicket
from distribution.services.progress import raise_revision, subject_of
from taxicab.core.services.audit import record
from taxicab.core.services.jobs import JobRecorder
from taxicab.errors import ConflictError

__all__ = ["UnreadableExportError", "seal_export", "sealed_folder"]


class UnreadableExportError(ConflictError):
    """Files would arrive that not everyone at the other site may read."""

    error = "unreadable_export"


def sealed_folder(deployment: DeploymentTicket) -> Path:
    """Give the folder at the origin that holds a deployment's sealed export."""
    return Path(settings.WORK_ROOT) / "exports" / deployment.key


def seal_export(
    deployment: DeploymentTicket,
    gateway: ButlerGateway,
    *,
    chain: str,
    recorder: JobRecorder,
) -> Manifest:
    """Export a ticket's chain and seal it, unless that was done already.

    The targets of one deployment share the export: the first makes it, the others
    find it. Its manifest comes last: a folder without one is made anew.
    """
    folder = sealed_folder(deployment)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _locked(folder.with_name(f".{folder.name}.lock")):
        deployment.refresh_from_db()
        manifest = _find_sealed(deployment, folder, recorder)
        if manifest is None:
            manifest = _export(gateway, chain, folder)
        _keep_hash(deployment, manifest)
    return manifest


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let one step at a time make the export; the lock ends with its process."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _find_sealed(
    deployment: DeploymentTicket, folder: Path, recorder: JobRecorder
) -> Manifest | None:
    """Find the export made before; one that is not whole any more is made anew."""
    if not folder.exists():
        return None
    try:
        known = deployment.manifest_sha256 or hash_file(folder / MANIFEST_NAME)
        differences = verify_folder(folder, manifest_sha256=known)
    except (SealBrokenError, FileNotFoundError) as error:
        recorder.log(f"The sealed export is made anew: {error}")
        return None
    if differences:
        words = describe_differences(differences)
        recorder.log(f"The sealed export is made anew: {words}.")
        return None
    recorder.log(f"The sealed export {folder} is complete already.")
    return Manifest.read(folder)


def _export(gateway: ButlerGateway, chain: str, folder: Path) -> Manifest:
    """Export anew; without its manifest a folder is nobody's export yet."""
    if folder.exists():
        shutil.rmtree(folder)
    gateway.export_collection(chain, str(folder))
    # Folders are ours; the files' modes are the repository's own, and go with them.
    if unreadable := find_unreadable(folder):
        named = ", ".join(unreadable[:5])
        raise UnreadableExportError(
            f"{len(unreadable)} files of the export are not world-readable, so that "
            f"nobody at the other sites could use them: {named}. Run chmod a+r on them "
            f"in {gateway.settings.root}, then export again.",
            files=unreadable,
        )
    return seal_folder(folder)


@transaction.atomic
def _keep_hash(deployment: DeploymentTicket, manifest: Manifest) -> None:
    """Keep the manifest's hash where no folder's change reaches it."""
    if deployment.manifest_sha256 == manifest.sha256:
        return
    before = deployment.manifest_sha256
    raise_revision(deployment)
    DeploymentTicket.objects.filter(pk=deployment.pk).update(
        manifest_sha256=manifest.sha256
    )
    deployment.refresh_from_db()
    record(
        by=None,
        subject=subject_of(deployment),
        action="export sealed",
        before=before,
        after=manifest.sha256,
        files=len(manifest.files),
        bytes=manifest.size,
    )
