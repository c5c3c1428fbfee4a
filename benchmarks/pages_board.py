"""What stands around the reports of the pages' benchmark: a board at work.

An open ticket with positions, an objection, a waiver and a discussion; a set that was
adopted before, with its record and its deployment; a meeting, a job, notices, tiles of
an image and what adopting would change.
"""

from datetime import timedelta
from io import StringIO
from pathlib import Path

import numpy as np
from astropy.io import fits
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core.management import call_command
from django.utils import timezone

from calibrations.domain.cameras import camera
from calibrations.models import (
    Certification,
    ConstructionTicket,
    Generation,
    Selection,
    SelectionPurpose,
    SelectionStatus,
    StepStatus,
    Verification,
)
from distribution.services import deployments
from reports.models import (
    ImageRank,
    ReportConsequence,
    ReportImage,
    VerificationReport,
)
from reports.services.tile_making import hash_image, make_tiles
from taxicab.board import services as board
from taxicab.board.domain import Failure
from taxicab.board.models import TaxicabTicket
from taxicab.board.services import discussion
from taxicab.board.services.meetings import schedule_meetings
from taxicab.core.models import Instrument, Job, JobStatus, Repository, RoleGrant

__all__ = ["MEMBERS", "adopt_set", "fill_board", "make_members"]

MEMBERS = ("ann", "ben", "cleo", "dan")
IMAGES = 205
"""Detectors of a part whose combined image the report lists; one has tiles."""


def make_members(instrument: Instrument) -> list[User]:
    """Make the people of the board; the first is a deployer as well."""
    people = [get_user_model().objects.create_user(name) for name in MEMBERS]
    for person in people:
        RoleGrant.objects.create(user=person, role="board", instrument=instrument)
    RoleGrant.objects.create(user=people[0], role="deployer", instrument=None)
    return people


def adopt_set(ticket: TaxicabTicket, members: list[User]) -> None:
    """Adopt a set that lacks nothing but images; file its deployment to two places."""
    call_command("make_signing_key", stdout=StringIO(), stderr=StringIO())
    for repository in Repository.objects.order_by("pk")[:2]:
        repository.location, repository.queue = "/nowhere", "nowhere"
        repository.save()
    covers = board.deliberation_of(ticket).covers
    for cover in covers:
        _waive(ticket, cover.failure, members[0], owner=members[0])
    kind = "adopt_despite" if covers else "adopt"
    for member in members[:3]:
        board.take_position(ticket, kind=kind, by=member)
    board.adopt(ticket, by=members[0], reason="Agreed.")
    deployments.file_deployment(ticket, key="DM-90002", by=members[0])


def _waive(ticket: TaxicabTicket, failure: Failure, by: User, *, owner: User) -> None:
    board.write_waiver(
        ticket,
        failure=failure.key,
        reason="Known since the last set.",
        effect="None on images.",
        owner=owner,
        expires_on=timezone.now().date() + timedelta(days=90),
        by=by,
    )


def fill_board(ticket: TaxicabTicket, members: list[User], author: User) -> None:
    """Let the board work on the open ticket, and its builder before it."""
    failures = [cover.failure for cover in board.deliberation_of(ticket).covers]
    for failure in failures[: len(failures) // 2]:
        _waive(ticket, failure, members[0], owner=author)
    board.take_position(ticket, kind="abstain", by=members[0])
    board.raise_objection(
        ticket, reason="The raft drifts.", part="bias", test="NOISE", by=members[1]
    )
    board.take_position(
        ticket, kind="needs_processing", comment="Ten more darks.", by=members[2]
    )
    for i in range(20):
        discussion.start(ticket, by=members[i % 3], text=f"Remark {i}.")
    schedule_meetings()
    _make_steps(ticket.construction)
    _list_images(ticket.report)
    _make_consequence(ticket.report)
    Job.objects.create(
        kind="generation",
        title="Generate bias 20261109a",
        status=JobStatus.RUNNING,
        repository=ticket.construction.repository,
        queue="nowhere",
        subject_kind="construction",
        subject_key=ticket.construction.key,
        created_by=author,
        planned=205,
        done=100,
        log="a line of a log\n" * 2000,
    )


def _make_steps(ticket: ConstructionTicket) -> None:
    """Keep how the set's bias came about."""
    folder = f"{ticket.instrument_id}/calib/{ticket.key}/{ticket.tag}"
    exposures = [
        {
            "id": 2026110800001 + i,
            "obs_id": f"MC_O_20261108_{i + 1:06d}",
            "day_obs": 20261108,
            "seq_num": i + 1,
            "observation_type": "bias",
            "observation_reason": "bias",
            "physical_filter": "r_57",
            "exposure_time_s": 0.0,
            "dark_time_s": 0.1,
            "begin_tai": "2026-11-08T20:00:00.000",
            "n_detectors": 205,
        }
        for i in range(20)
    ]
    selection = Selection.objects.create(
        ticket=ticket,
        calib_type="bias",
        purpose=SelectionPurpose.GENERATION,
        where="exposure.observation_type='bias'",
        status=SelectionStatus.READY,
        exposures=exposures,
        created_by=ticket.owner,
    )
    common = {
        "rerun": "20261109a",
        "fingerprint": "0" * 64,
        "status": StepStatus.SUCCEEDED,
        "created_by": ticket.owner,
    }
    generation = Generation.objects.create(
        ticket=ticket,
        calib_type="bias",
        selection=selection,
        collection=f"{folder}/biasGen.20261109a",
        **common,
    )
    Verification.objects.create(
        generation=generation, collection=f"{folder}/verifyBias.20261109a", **common
    )
    Certification.objects.create(
        ticket=ticket,
        generation=generation,
        collection=f"{folder}/bias.20261109a",
        begin_tai="2026-11-08T00:00:00",
        status=StepStatus.SUCCEEDED,
        created_by=ticket.owner,
    )


def _list_images(report: VerificationReport) -> None:
    """List a combined image of every detector, and tile the first's."""
    path = Path(settings.EVIDENCE_ROOT).parent / "bias.fits"
    pixels = np.random.default_rng(1).normal(0, 5, (1024, 1018)).astype(np.float32)
    hdus = [
        fits.PrimaryHDU(header=fits.Header({"BUNIT": "electron"})),
        fits.ImageHDU(pixels, name="IMAGE"),
        fits.ImageHDU(np.zeros(pixels.shape, np.uint16), name="MASK"),
        fits.ImageHDU(np.ones_like(pixels), name="VARIANCE"),
    ]
    fits.HDUList(hdus).writeto(path, overwrite=True)
    sha256 = hash_image(path)
    make_tiles(path, sha256)
    ReportImage.objects.bulk_create(
        ReportImage(
            report=report,
            part="bias",
            label="bias",
            detector=detector.id,
            path=str(path),
            rank=ImageRank.COMBINED,
            sha256=sha256,
        )
        for detector in camera(report.ticket.instrument_id).detectors[:IMAGES]
    )


def _make_consequence(report: VerificationReport) -> None:
    """Keep what adopting would change: five types, of which one is replaced."""

    def row(collection: str, begin: str | None, kind: str) -> dict[str, object]:
        return {
            "collection": collection,
            "run": f"{collection}.run",
            "type": kind,
            "filter": "",
            "begin": begin,
            "end": None,
            "detectors": list(range(205)),
        }

    kinds = ("bias", "dark", "flat", "ptc", "defects")
    chain = f"{report.ticket.instrument_id}/calib"
    old = [row(f"{chain}/DM-1/{k}.20250101a", "2025-01-01T00:00:00", k) for k in kinds]
    new = row(f"{chain}/DM-90001/bias.20261109a", "2026-11-08T00:00:00", "bias")
    ReportConsequence.objects.create(
        report=report,
        chain=chain,
        now=old,
        then=[new, *old],
        nights=[
            {"day_obs": 20261108 + i, "filter": "r_57", "n": 600, "types": ["bias"]}
            for i in range(20)
        ],
    )
