"""One number or verdict an amplifier, over all exposures."""

from collections.abc import Iterable, Mapping

import numpy as np

from reports.domain.planes import AmplifierVerdict, Place, judge_exposures
from reports.domain.results import Result, TestNote
from reports.domain.verdicts import TestKey
from reports.services.columns import Results

__all__ = [
    "find_amplifier_verdicts",
    "find_detector_verdicts",
    "median_values",
    "worst_margins",
]


def find_amplifier_verdicts(
    results: Iterable[Result], *, notes: Mapping[TestKey, TestNote]
) -> dict[Place, AmplifierVerdict]:
    """Judge every amplifier that was measured by the tests that decide."""
    deciding = _deciding(results, notes)
    deciding = deciding.take(deciding.has_amplifier)
    judged = _judge(deciding, deciding.places)
    return {deciding.name_place(place): verdict for place, verdict in judged.items()}


def find_detector_verdicts(
    results: Iterable[Result], *, notes: Mapping[TestKey, TestNote]
) -> dict[int, AmplifierVerdict]:
    """Judge every detector by the tests that decide about it as a whole."""
    deciding = _deciding(results, notes)
    deciding = deciding.take(~deciding.has_amplifier & (deciding.detector >= 0))
    return _judge(deciding, deciding.detector)


def _deciding(results: Iterable[Result], notes: Mapping[TestKey, TestNote]) -> Results:
    advisory = {key for key, note in notes.items() if note.is_advisory}
    groups = Results.of(results).by_test
    return Results.join([group for key, group in groups.items() if key not in advisory])


def _judge(results: Results, places: np.ndarray) -> dict[int, AmplifierVerdict]:
    """Count exposures by place; a dozen tests of each are one exposure."""
    known, number = np.unique(results.exposure, return_inverse=True)
    exposures = places * max(1, len(known)) + number
    seen = _count(exposures, len(known))
    failed = _count(exposures[~results.passed], len(known))
    return {
        place: judge_exposures(failed.get(place, 0), n) for place, n in seen.items()
    }


def _count(exposures: np.ndarray, n_exposures: int) -> dict[int, int]:
    """Count the different exposures of each place."""
    places = np.unique(exposures) // max(1, n_exposures)
    found, counts = np.unique(places, return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))


def median_values(results: Iterable[Result]) -> dict[Place, float]:
    """Median over exposures of each amplifier's value; absent where none is one."""
    found = Results.of(results)
    found = found.take(found.has_amplifier & found.is_measured)
    order = np.lexsort((found.value, found.places))
    places, begins, counts = np.unique(
        found.places[order], return_index=True, return_counts=True
    )
    values = found.value[order]
    low, high = begins + (counts - 1) // 2, begins + counts // 2
    medians = (values[low] + values[high]) / 2
    return _by_place(found, places, medians)


def worst_margins(results: Iterable[Result]) -> dict[Place, float]:
    """Largest margin of each amplifier over exposures, in units of the limit.

    A median hides what only the later night shows; absent where nothing was measured
    or the limit is 0.
    """
    found = Results.of(results)
    found = found.take(found.has_amplifier & np.isfinite(found.margin))
    order = np.argsort(found.places, kind="stable")
    places, begins = np.unique(found.places[order], return_index=True)
    if not len(places):
        return {}
    return _by_place(found, places, np.maximum.reduceat(found.margin[order], begins))


def _by_place(
    results: Results, places: np.ndarray, numbers: np.ndarray
) -> dict[Place, float]:
    named = map(results.name_place, places.tolist())
    return dict(zip(named, numbers.tolist(), strict=True))
