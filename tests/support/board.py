"""Sets that can be put before the board, and people to judge them."""

from calibrations.models import (
    Certification,
    ConstructionTicket,
    Generation,
    Selection,
    SelectionPurpose,
    StepStatus,
    Verification,
)
from reports.models import ReportStatus, VerificationReport
from taxicab.core.models import Repository


def make_set(key, *, owner, instrument, types=("bias",), **ticket):
    """A construction ticket whose calibrations are verified and certified."""
    construction = ConstructionTicket.objects.create(
        key=key,
        instrument=instrument,
        repository=Repository.objects.get(is_build=True),
        tag="test",
        reason="A test.",
        owner=owner,
        **ticket,
    )
    for calib_type in types:
        certify(make_generation(construction, calib_type))
    return construction


def make_generation(construction, calib_type, *, letter="a", band="", verified=True):
    """A generation that succeeded, and its verification."""
    owner = construction.owner
    selection = Selection.objects.create(
        ticket=construction,
        calib_type=calib_type,
        band=band,
        purpose=SelectionPurpose.GENERATION,
        where=f"exposure.observation_type='{calib_type}'",
        created_by=owner,
    )
    folder = f"{construction.instrument_id}/calib/{construction.key}/test"
    tail = f"-{band}" if band else ""
    rerun = f"20261109{letter}"
    common = {
        "rerun": rerun,
        "fingerprint": f"{calib_type}{tail}{letter}".ljust(64, "0"),
        "status": StepStatus.SUCCEEDED,
        "created_by": owner,
    }
    generation = Generation.objects.create(
        ticket=construction,
        calib_type=calib_type,
        band=band,
        selection=selection,
        collection=f"{folder}/{calib_type}Gen{tail}.{rerun}",
        **common,
    )
    if verified:
        Verification.objects.create(
            generation=generation,
            collection=f"{folder}/verify{calib_type.capitalize()}{tail}.{rerun}",
            **common,
        )
    return generation


def certify(generation, *, status=StepStatus.SUCCEEDED):
    """What the portal keeps of a certification."""
    return Certification.objects.create(
        ticket=generation.ticket,
        generation=generation,
        collection=generation.collection.replace("Gen", ""),
        begin_tai="2026-11-08T00:00:00",
        status=status,
        created_by=generation.created_by,
    )


def make_report(construction, *, status=ReportStatus.READY, generations=None):
    """The row of a report; its files are not there."""
    chosen = generations or list(construction.generations.all())
    return VerificationReport.objects.create(
        ticket=construction,
        version=construction.reports.count() + 1,
        status=status,
        sha256="a" * 64 if status == ReportStatus.READY else "",
        generation_collections=[g.collection for g in chosen],
        created_by=construction.owner,
    )
