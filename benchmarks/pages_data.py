"""A report of LSSTCam's 205 detectors over 20 exposures, made of known numbers.

Bias, dark and a flat of 20 exposures (64,320 amplifier rows a test), a photon transfer
curve judged once, and an earlier report of the same set. Planted: a noisy amplifier, a
raft that drifts, one exposure that is bad everywhere, single failures scattered about.
Before it a set without failures was adopted; the board works on this one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core.management import call_command

from benchmarks.pages_board import MEMBERS, adopt_set, fill_board, make_members
from calibrations.domain.cameras import camera
from calibrations.domain.criteria import CRITERIA_VERSION, criteria_for
from calibrations.models import ConstructionStage, ConstructionTicket
from reports.domain.results import Result
from reports.domain.stages import plan_stages
from reports.models import ReportStatus, VerificationReport
from reports.services.evidence import keep_folder, new_folder, read_sealed
from reports.services.gathering import StageEvidence
from reports.services.parts import keep_parts
from reports.services.record import ReportRecord
from reports.services.reports import write_report
from taxicab.board.models import TaxicabStage, TaxicabTicket
from taxicab.core.models import Instrument, Repository, RoleGrant

__all__ = ["Made", "make_report_rows"]

INSTRUMENT = "LSSTCam"
TICKET = "DM-90001"
TYPES = (("bias", ""), ("dark", ""), ("flat", "-r"), ("ptc", ""))
"""With the tails of their names."""

PASSING = (("ptc", ""),)
DRIFTING_RAFT, NOISY = "R22", (94, "C05")
SCATTERED = 3e-5
"""Share of results that fail by themselves."""


@dataclass(frozen=True)
class Made:
    """What was made."""

    reader: User
    """A member of the board, who sees the most."""
    report: VerificationReport
    taxicab: TaxicabTicket
    adopted: TaxicabTicket


def make_report_rows(*, n_exposures: int) -> Made:
    """Fill an empty database and evidence folder with a set that is before a board.

    One that was filled before is taken as it is.
    """
    made = TaxicabTicket.objects.filter(construction__key=TICKET).first()
    if made is not None:
        reader = User.objects.get(username=MEMBERS[0])
        return Made(reader, made.report, made, TaxicabTicket.objects.get(number=1))
    call_command("loaddata", "facilities", verbosity=0)
    instrument = Instrument.objects.get(name=INSTRUMENT)
    user = get_user_model().objects.create_user("nora", password="correct horse nora")
    for role in ("calibration_team", "board"):
        RoleGrant.objects.create(user=user, role=role, instrument=instrument)
    members = make_members(instrument)
    exposures = [2026110800001 + i for i in range(n_exposures)]
    before = _ticket("DM-90000", instrument, user)
    passed = _report(before, user, _stages(before, exposures[:2], 0, types=PASSING))
    adopted = _hail(1, passed, user)
    adopt_set(adopted, members)
    ticket = _ticket(TICKET, instrument, user)
    reports = [
        _report(ticket, user, _stages(ticket, exposures, seed)) for seed in (1, 2)
    ]
    taxicab = _hail(2, reports[-1], user)
    fill_board(taxicab, members, user)
    return Made(members[0], reports[-1], taxicab, adopted)


def _ticket(key: str, instrument: Instrument, user: User) -> ConstructionTicket:
    return ConstructionTicket.objects.create(
        key=key,
        instrument=instrument,
        repository=Repository.objects.get(is_build=True),
        tag="whole",
        reason="A report of the whole camera.",
        owner=user,
        stage=ConstructionStage.HAILED,
    )


def _hail(number: int, report: VerificationReport, user: User) -> TaxicabTicket:
    return TaxicabTicket.objects.create(
        number=number,
        construction=report.ticket,
        report=report,
        stage=TaxicabStage.HAILED,
        hailed_by=user,
    )


def _report(
    ticket: ConstructionTicket, user: User, made: Iterable[StageEvidence]
) -> VerificationReport:
    stages = list(made)
    with new_folder("benchmark") as folder:
        summary = write_report(ticket, stages, ReportRecord({}), folder)
        sha256 = keep_folder(folder)
    report = VerificationReport.objects.create(
        ticket=ticket,
        version=ticket.reports.count() + 1,
        status=ReportStatus.READY,
        generation_collections=[stage.plan.generation for stage in stages],
        verification_collections=[stage.plan.verification for stage in stages],
        sha256=sha256,
        summary=summary,
        created_by=user,
    )
    order = [stage["key"] for stage in summary["stages"]]
    keep_parts(report, read_sealed(sha256), order=order)
    return report


def _stages(
    ticket: ConstructionTicket,
    exposures: Sequence[int],
    seed: int,
    types: Sequence[tuple[str, str]] = TYPES,
) -> Iterable[StageEvidence]:
    folder = f"{INSTRUMENT}/calib/{ticket.key}/whole"
    for calib_type, tail in types:
        (plan,) = plan_stages(
            [f"{folder}/{calib_type}Gen{tail}.20261109a"],
            [f"{folder}/verify{calib_type.capitalize()}{tail}.20261109a"],
        )
        times = [0] if calib_type == "ptc" else exposures
        yield StageEvidence(plan, _results(calib_type, times, seed))


def _results(calib_type: str, exposures: Sequence[int], seed: int) -> list[Result]:
    rng = np.random.default_rng(seed)
    results = []
    for one in criteria_for(calib_type.capitalize(), "AMP"):
        limit = {"0.05": 0.05, "0": 0.0, "5.0": 5.0}.get(one.limit_expression, 8.0)
        for exposure in exposures:
            for detector in camera(INSTRUMENT).detectors:
                names = list(detector.amplifiers)
                share = rng.uniform(0.3, 0.8, len(names))
                share[rng.random(len(names)) < SCATTERED * (seed > 0)] = 1.2
                if one.test == "NOISE":
                    share += 0.45 * (detector.raft == DRIFTING_RAFT)
                    share += 2.0 * (exposure == exposures[3 % len(exposures)] != 0)
                for name, part in zip(names, share, strict=True):
                    is_noisy = (detector.id, name) == NOISY and one.test == "NOISE"
                    value = float(limit * (part + 0.4 * is_noisy))
                    results.append(
                        Result(
                            exposure=exposure,
                            detector=detector.id,
                            amplifier=name,
                            level="AMP",
                            test=one.test,
                            statistic=one.statistic,
                            value=value,
                            limit=limit,
                            sense=one.sense,
                            unit=one.unit,
                            passed=value <= limit,
                            dmtn101=one.dmtn101,
                            criteria_version=CRITERIA_VERSION,
                        )
                    )
    return results
