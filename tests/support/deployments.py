"""Deployment tickets and what comes before them, for tests."""

from calibrations.models import (
    Certification,
    ConstructionStage,
    ConstructionTicket,
    Generation,
    Selection,
    SelectionPurpose,
    StepStatus,
)
from distribution.services import deployments
from reports.models import ReportStatus, VerificationReport
from taxicab.board.models import TaxicabStage, TaxicabTicket
from taxicab.core.models import Repository

BEGIN_TAI = "2026-11-01T00:00:00"


def make_adopted(key, *, owner, instrument, number=1, stage=TaxicabStage.ADOPTED):
    """A hailed set that the board has adopted, without what was built for it."""
    construction = ConstructionTicket.objects.create(
        key=key,
        instrument=instrument,
        repository=Repository.objects.get(is_build=True),
        tag="test",
        reason="A test.",
        owner=owner,
        stage=ConstructionStage.REVIEWED,
    )
    report = VerificationReport.objects.create(
        ticket=construction,
        version=1,
        status=ReportStatus.READY,
        sha256="0" * 64,
        created_by=owner,
    )
    return TaxicabTicket.objects.create(
        number=number,
        construction=construction,
        report=report,
        stage=stage,
        hailed_by=owner,
    )


def record_certification(construction, collection, *, run, begin_tai=BEGIN_TAI):
    """What the portal keeps of a certified set."""
    selection = Selection.objects.create(
        ticket=construction,
        calib_type="bias",
        purpose=SelectionPurpose.GENERATION,
        where="",
        created_by=construction.owner,
    )
    generation = Generation.objects.create(
        ticket=construction,
        calib_type="bias",
        selection=selection,
        collection=run,
        rerun="20261101a",
        fingerprint="0" * 64,
        status=StepStatus.SUCCEEDED,
        created_by=construction.owner,
    )
    return Certification.objects.create(
        ticket=construction,
        generation=generation,
        collection=collection,
        begin_tai=begin_tai,
        status=StepStatus.SUCCEEDED,
        created_by=construction.owner,
    )


def connect(facility, path, *, folder, queue, inbox=""):
    """Give a repository of the fixture a place."""
    repository = Repository.objects.get(facility__name=facility, path=path)
    repository.location, repository.queue = str(folder), queue
    repository.inbox = str(inbox)
    repository.save()
    return repository


def make_certified(key, *, number, owner, instrument):
    """An adopted set whose one certification the portal knows."""
    taxicab = make_adopted(key, owner=owner, instrument=instrument, number=number)
    stem = f"{instrument}/calib/{key}/test"
    record_certification(
        taxicab.construction,
        f"{stem}/bias.20261101a",
        run=f"{stem}/biasGen.20261101a",
    )
    return taxicab


def file(taxicab, key, *, by):
    return deployments.file_deployment(taxicab, key=key, by=by)
