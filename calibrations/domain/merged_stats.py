"""Merged statistics in the shape of Rubin's ``cp_verify``, from rows of tests.

Upstream's merging gives each child ``SUCCESS`` and, where something failed, a list of
``FAILURES``: ``C17 NOISE`` within a detector, ``R22_S21 C17 NOISE`` once detectors are
together, ``SCATTER`` for an exposure as a whole. Ours is made of the long table, so it
loses nothing and can be made again at any time. Advisory tests are listed apart, as
``WARNINGS``, which upstream has not. Standard library only.
"""

from collections.abc import Iterable, Mapping
from typing import Any

__all__ = [
    "NO_DETECTOR",
    "NO_EXPOSURE",
    "calibration_stats",
    "child_stats",
    "exposure_stats",
    "run_stats",
]

NO_DETECTOR = -1
"""In rows of what is judged of an exposure as a whole."""

NO_EXPOSURE = 0
"""In rows of what is judged without exposures."""

Row = Mapping[str, Any]


def child_stats(
    rows: Iterable[Row], detector_names: Mapping[int, str] | None = None
) -> dict[str, Any]:
    """Give ``SUCCESS``, with ``FAILURES`` and ``WARNINGS`` where there are any.

    Parameters
    ----------
    rows
        Of the long table of tests.
    detector_names
        With it every name begins with the detector's, as it must once rows of several
        detectors are together; a test of an exposure keeps its plain name.
    """
    failed: list[str] = []
    warned: list[str] = []
    for row in rows:
        if row["passed"]:
            continue
        words = [str(row["amplifier"] or ""), str(row["test"])]
        detector = int(row["detector"])
        if detector_names is not None and detector != NO_DETECTOR:
            words.insert(0, detector_names[detector])
        (warned if row["advisory"] else failed).append(" ".join(filter(None, words)))
    child: dict[str, Any] = {"SUCCESS": not failed}
    if failed:
        child["FAILURES"] = failed
    if warned:
        child["WARNINGS"] = warned
    return child


def run_stats(rows: Iterable[Row], detector_names: Mapping[int, str]) -> dict[Any, Any]:
    """Give ``verify{Type}Stats`` of a run: a child for each exposure, by id."""
    by_exposure = _grouped(rows, "exposure")
    return _merged(
        {
            exposure: child_stats(group, detector_names)
            for exposure, group in by_exposure.items()
        }
    )


def exposure_stats(
    rows: Iterable[Row], detector_names: Mapping[int, str], exposure: int
) -> dict[Any, Any]:
    """Give ``verify{Type}ExpStats``: a child for each detector, by name.

    Tests of the exposure itself stand under ``VERIFY``, as upstream has them.
    """
    mine = [row for row in rows if int(row["exposure"]) == exposure]
    whole = [row for row in mine if int(row["detector"]) == NO_DETECTOR]
    stats = calibration_stats(
        (row for row in mine if int(row["detector"]) != NO_DETECTOR), detector_names
    )
    if whole:
        stats["VERIFY"] = {"EXP": {str(r["test"]): bool(r["passed"]) for r in whole}}
        stats["SUCCESS"] &= child_stats(whole)["SUCCESS"]
    return stats


def calibration_stats(
    rows: Iterable[Row], detector_names: Mapping[int, str]
) -> dict[Any, Any]:
    """Give ``verify{Type}Stats`` of what is verified without exposures."""
    by_detector = _grouped(rows, "detector")
    return _merged(
        {
            detector_names[detector]: child_stats(group)
            for detector, group in by_detector.items()
        }
    )


def _grouped(rows: Iterable[Row], column: str) -> dict[int, list[Row]]:
    groups: dict[int, list[Row]] = {}
    for row in rows:
        groups.setdefault(int(row[column]), []).append(row)
    return dict(sorted(groups.items()))


def _merged(children: Mapping[Any, dict[str, Any]]) -> dict[Any, Any]:
    success = all(child["SUCCESS"] for child in children.values())
    return {**children, "SUCCESS": success}
