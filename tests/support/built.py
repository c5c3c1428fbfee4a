"""Calibrations of a ticket as the portal keeps them, without anybody having run one."""

import datetime

from django.utils import timezone

from calibrations.domain.graph import Held, specification
from calibrations.domain.names import (
    certified_name,
    generation_name,
    verification_name,
)
from calibrations.models import (
    Certification,
    Generation,
    MetricResult,
    Selection,
    SelectionPurpose,
    SelectionStatus,
    StepStatus,
    Verification,
)
from tests.support import pages

SUCCEEDED = StepStatus.SUCCEEDED
BEGIN = "2026-11-09T12:00:00"


def make_built(
    ticket,
    key,
    *,
    hour=0,
    letter="a",
    until="certification",
    status=SUCCEEDED,
    rests_on=(),
    begin_tai=BEGIN,
    end_tai="",
):
    """A type brought as far as a step, whose status is the one given.

    ``hour`` is when it was asked for; it is certified half an hour later. ``rests_on``
    are generations that it was made with.
    """
    held = Held.parse(key)
    spec = specification(held.type)
    band = held.physical_filter[:1]
    place = ticket.instrument_id, ticket.key, ticket.tag
    name = held.type, f"20261109{letter}", band or None
    common = {"rerun": f"20261109{letter}", "created_by": ticket.owner}
    selection = pages.make_selection(ticket, calib_type=str(held.type))
    Selection.objects.filter(pk=selection.pk).update(
        physical_filter=held.physical_filter, band=band
    )

    def status_of(step):
        return status if step == until else SUCCEEDED

    generation = Generation.objects.create(
        ticket=ticket,
        iteration=ticket.iteration,
        calib_type=str(held.type),
        physical_filter=held.physical_filter,
        band=band,
        selection=selection,
        collection=generation_name(*place, *name),
        fingerprint=f"{ticket.key}{key}{letter}".ljust(64, "0")[:64],
        status=status_of("generation"),
        precursors={
            Held(specification(g.calib_type).type, g.physical_filter).key: (
                g.certifications.latest("pk").collection
            )
            for g in rests_on
        },
        **common,
    )
    asked = timezone.now() - datetime.timedelta(hours=100 - hour)
    Generation.objects.filter(pk=generation.pk).update(created_at=asked)
    if spec.is_verified and until != "generation":
        Verification.objects.create(
            generation=generation,
            collection=verification_name(*place, *name),
            fingerprint=generation.fingerprint,
            status=status_of("verification"),
            **common,
        )
    if until == "certification":
        certification = Certification.objects.create(
            ticket=ticket,
            generation=generation,
            collection=certified_name(*place, *name),
            begin_tai=begin_tai,
            end_tai=end_tai,
            status=status,
            created_by=ticket.owner,
        )
        ended = asked + datetime.timedelta(minutes=30)
        Certification.objects.filter(pk=certification.pk).update(ended_at=ended)
    generation.refresh_from_db()
    return generation


def make_tested(generation, *, failing, days=(16, 17, 18), n=2, tests=("NOISE",)):
    """Results on the construction exposures and on those of later days.

    ``failing`` says of exposure, amplifier and test whether it fails. Amplifiers are
    C00 and C01 of one detector.
    """
    own = generation.selection.exposures
    later = [
        own[0]
        | {
            "id": 20261100 * 100_000 + day * 100_000 + number,
            "day_obs": 20261100 + day,
            "begin_tai": f"2026-11-{day:02d}T20:00:{number:02d}",
        }
        for day in days
        for number in range(n)
    ]
    selection = Selection.objects.create(
        ticket=generation.ticket,
        calib_type=generation.calib_type,
        physical_filter=generation.physical_filter,
        band=generation.band,
        purpose=SelectionPurpose.VERIFICATION,
        status=SelectionStatus.READY,
        where="later nights",
        exposures=later,
        created_by=generation.created_by,
    )
    verification = generation.verifications.latest("pk")
    verification.selections.add(selection)
    MetricResult.objects.bulk_create(
        MetricResult(
            verification=verification,
            exposure=one["id"],
            detector=4,
            amplifier=amplifier,
            level="AMP",
            test=test,
            statistic=test,
            passed=not failing(one["id"], amplifier, test),
            criteria_version="1",
        )
        for one in (*own, *later)
        for amplifier in ("C00", "C01")
        for test in tests
    )
    return verification
