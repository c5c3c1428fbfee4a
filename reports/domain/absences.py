"""What a report does not show: expected and absent, or not applicable. Plain Python.

A reader must never take silence for a pass: what is missing is said, and so is what
there cannot be, so that nobody looks for it.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from reports.domain.stages import StagePlan

__all__ = ["UNMEASURED", "Absence", "Found", "find_absences"]

UNMEASURED = "values"
"""What is absent where a result has no number."""

MAX_NAMED = 5
"""More places or exposures than this are counted, not named."""


@dataclass(frozen=True)
class Absence:
    """Something that is not there."""

    what: str
    """One word or two: ``verification``, ``combined image``."""
    is_missing: bool
    """It was expected; otherwise there is no such thing for this type."""
    sentence: str
    n: int = 0
    """How many are absent, where they are counted: the next set may lack more."""


@dataclass(frozen=True)
class Found:
    """What there is of one type and filter."""

    detector_names: Mapping[int, str] = field(default_factory=dict)
    """Of all detectors that anything is known of."""
    combined: Collection[int] = ()
    """Detectors that have the calibration itself."""
    unreadable: Collection[int] = ()
    """Of those, the ones that cannot be read without the science pipelines."""
    residuals: Collection[int] = ()
    tested: Collection[int] = ()
    """Detectors with a result of some test."""
    untested: Collection[str] = ()
    """Criteria without any result: ``AMP NOISE``."""
    unmeasured: Mapping[str, int] = field(default_factory=dict)
    """Number of results without a number, by amplifier: ``R22_S11 C05``."""
    exposures: Collection[int] = ()
    """That have results."""
    expected_exposures: Collection[int] = ()
    """That were chosen for verification; empty where that is not on record."""
    is_certified: bool = False
    unrecorded: Collection[str] = ()
    """Collections of which the portal has no record."""
    has_portal: bool = True
    """Whether the portal's database was asked."""


def find_absences(plan: StagePlan, found: Found) -> list[Absence]:
    """List what is missing, and then what there cannot be."""
    absences = [
        *_verification(plan, found),
        *_calibration(plan, found),
        *_numbers(found),
        *_residuals(plan, found),
        *_record(plan, found),
    ]
    return sorted(absences, key=lambda one: not one.is_missing)


def _verification(plan: StagePlan, found: Found) -> Iterable[Absence]:
    if not plan.is_verified:
        said = f"There are no tests of {plan.label}: it only serves to make others."
        yield Absence("verification", False, said)
    elif not plan.verification:
        yield Absence("verification", True, plan.missing)
    elif not found.tested and not found.exposures:
        said = f"{plan.verification} has no result of any test."
        yield Absence("results", True, said)
    else:
        yield from _tests(plan, found)


def _tests(plan: StagePlan, found: Found) -> Iterable[Absence]:
    if found.untested:
        said = f"{plan.verification} has no result of {', '.join(found.untested)}."
        yield Absence("tests", True, said, len(found.untested))
    absent = sorted(set(found.expected_exposures) - set(found.exposures))
    if absent and any(found.exposures):  # 0: the calibration itself was judged
        said = _some("exposure", map(str, absent), len(found.expected_exposures))
        yield Absence("exposures", True, f"{said} no result of any test.", len(absent))
    if untested := sorted(set(found.combined) - set(found.tested)):
        names = [found.detector_names.get(d, str(d)) for d in untested]
        said = _some("detector", names, len(found.detector_names))
        yield Absence(
            "detectors", True, f"{said} a calibration and no result.", len(untested)
        )


def _calibration(plan: StagePlan, found: Found) -> Iterable[Absence]:
    if not plan.generation:
        yield Absence("calibration", True, plan.missing)
        return
    what = "combined image" if plan.is_image else "calibration"
    if absent := sorted(set(found.detector_names) - set(found.combined)):
        names = [found.detector_names[d] for d in absent]
        said = _some("detector", names, len(found.detector_names))
        yield Absence(what, True, f"{said} no {what}.", len(absent))
    elif not found.combined:
        said = f"{plan.generation} has no {plan.calib_type} in it."
        yield Absence(what, True, said)
    if found.unreadable:
        said = f"{plan.generation} keeps {plan.calib_type} in a form that only the "
        said += "science pipelines read: its numbers are not shown."
        yield Absence("numbers", True, said, len(found.unreadable))
    if not plan.is_image:
        said = f"A {plan.calib_type} is a table: there is no combined image of it."
        yield Absence("combined image", False, said)


def _numbers(found: Found) -> Iterable[Absence]:
    """Say where a test has no number: a dead amplifier has no noise to judge."""
    if found.unmeasured:
        names = sorted(found.unmeasured)
        total = sum(found.unmeasured.values())
        results = "result has" if total == 1 else "results have"
        said = f"{total} {results} no number, for nothing could be measured: "
        yield Absence(UNMEASURED, True, said + _named(names) + ".", total)


def _residuals(plan: StagePlan, found: Found) -> Iterable[Absence]:
    what = "residual images"
    if plan.is_verified and not plan.is_image:
        said = f"{plan.label} is judged by its numbers and leaves no residual image."
        yield Absence(what, False, said)
    elif not plan.is_verified or not plan.verification:
        return  # no verification is an absence of its own
    elif not found.residuals:
        said = f"{plan.verification} has no residual images: none were kept."
        yield Absence(what, True, said)
    elif absent := sorted(set(found.tested) - set(found.residuals)):
        names = [found.detector_names.get(d, str(d)) for d in absent]
        said = _some("detector", names, len(set(found.tested)))
        yield Absence(what, True, f"{said} no residual image.", len(absent))


def _record(plan: StagePlan, found: Found) -> Iterable[Absence]:
    if not found.has_portal:
        said = "Exposure selections of the generation and command lines are in the "
        said += "portal's database, without which this report was made."
        yield Absence("record", False, said)
    if found.unrecorded:
        said = "Inputs, commands and versions are not on record of "
        said += ", ".join(found.unrecorded) + ": it was not made through this portal."
        yield Absence("record", True, said, len(found.unrecorded))
    if plan.generation and not found.is_certified:
        if plan.is_verified:
            said = f"{plan.generation} is not certified: its validity is not set."
            yield Absence("validity", True, said)
        else:
            said = f"{plan.generation} is not certified; it may not need to be."
            yield Absence("validity", False, said)


def _some(noun: str, names: Iterable[str], total: int) -> str:
    """Write ``2 of 9 detectors (R22_S00, R22_S01) have``."""
    names = list(names)
    verb = "has" if len(names) == 1 else "have"
    plural = noun if total == 1 else f"{noun}s"
    return f"{len(names)} of {total} {plural} ({_named(names)}) {verb}"


def _named(names: list[str]) -> str:
    rest = len(names) - MAX_NAMED
    shown = ", ".join(names[:MAX_NAMED])
    return f"{shown} and {rest} more" if rest > 0 else shown
