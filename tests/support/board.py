"""Sets that can be put before the board, and people to judge them."""

import hashlib

from calibrations.models import (
    Certification,
    ConstructionTicket,
    Generation,
    Selection,
    SelectionPurpose,
    StepStatus,
    Verification,
)
from reports.models import ReportPart, ReportStatus, VerificationReport
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


def make_report(
    construction,
    *,
    status=ReportStatus.READY,
    generations=None,
    clusters=(),
    contents=None,
):
    """The rows of a report; its files are not there.

    Parameters
    ----------
    clusters
        Pairs of a part's key and what failed in it (`make_cluster`).
    contents
        What a part holds, by key: another content has another hash.
    """
    chosen = generations or list(construction.generations.all())
    labels = [
        f"{one.calib_type}-{one.band}" if one.band else one.calib_type for one in chosen
    ]
    parts = {
        label: _hash(f"{label} {(contents or {}).get(label, '')}") for label in labels
    }
    summary = make_summary(dict(zip(labels, chosen, strict=True)), clusters)
    report = VerificationReport.objects.create(
        ticket=construction,
        version=construction.reports.count() + 1,
        status=status,
        sha256=_hash(str(parts)) if status == ReportStatus.READY else "",
        generation_collections=[g.collection for g in chosen],
        created_by=construction.owner,
        summary=summary if clusters else {},
    )
    if status == ReportStatus.READY:
        ReportPart.objects.bulk_create(
            ReportPart(
                report=report,
                key=key,
                calib_type=one.calib_type,
                physical_filter=f"{one.band}_03" if one.band else "",
                sha256=parts[key],
            )
            for key, one in zip(labels, chosen, strict=True)
        )
    return report


def make_cluster(
    *,
    test="NOISE",
    level="AMP",
    kind="amplifier",
    detector=4,
    amplifier="C05",
    exposure=0,
    value=9.1,
    limit=8.0,
    is_advisory=False,
):
    """What failed together, as a report's summary has it."""
    name = f"R22_S{detector // 3}{detector % 3}"
    text = "not measured" if value is None else f"{value} e⁻, limit {limit} e⁻"
    return {
        "level": level,
        "test": test,
        "is_advisory": is_advisory,
        "kind": kind,
        "exposure": exposure,
        "raft": name[:3] if detector >= 0 else "",
        "detector": detector,
        "amplifier": amplifier,
        "sentence": f"{name} {amplifier}: 3 of 9 exposures",
        "n_failed": 3,
        "n_results": 9,
        "worst": {
            "exposure": exposure or 2026110900001,
            "detector": detector,
            "detector_name": name,
            "amplifier": amplifier,
            "place": f"{name} {amplifier}",
            "value": value,
            "limit": limit,
            "unit": "e⁻",
            "margin": None if value is None else (value - limit) / limit,
            "margin_text": "over",
            "text": text,
        },
    }


def make_summary(generations, clusters):
    """As much of a report's summary as the board's pages show."""
    stages = [
        {
            "key": key,
            "label": key,
            "calib_type": one.calib_type,
            "generation": one.collection,
            "verdict": "failed" if key in dict(clusters) else "passed",
            "missing": "",
            "lines": [],
            "counts": _count(c for part, c in clusters if part == key),
            "clusters": [cluster for part, cluster in clusters if part == key],
        }
        for key, one in generations.items()
    ]
    return {
        "format": 2,
        "verdict": "failed" if clusters else "passed",
        "counts": _count(cluster for _, cluster in clusters),
        "missing": [],
        "stages": stages,
    }


def _count(clusters):
    n_failed = sum(cluster["n_failed"] for cluster in clusters)
    return {
        "results": 100,
        "passed": 100 - n_failed,
        "failed": n_failed,
        "warnings": 0,
        "unmeasured": 0,
    }


def _hash(text):
    return hashlib.sha256(text.encode()).hexdigest()
