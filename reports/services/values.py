"""A part's results as arrays: what pages compute with, without parsing its rows.

A test of LSSTCam over 20 exposures has 64,320 results. As CSV they take a second to
read; as three arrays of one file they take milliseconds, and only the test that is
asked for is read. Files are evidence and never change, so what was read is kept.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings

from reports.domain.clusters import LARGE_SHARE
from reports.domain.results import Result, TestNote
from reports.domain.verdicts import TestKey
from reports.models import VerificationReport
from reports.services.columns import Results
from reports.services.evidence import PARTS, evidence_file
from taxicab.errors import NotFoundError

__all__ = [
    "ABSENT",
    "FAILED",
    "INDEX",
    "PASSED",
    "UNMEASURED",
    "VALUES",
    "PartIndex",
    "TestValues",
    "read_index",
    "read_values",
    "write_values",
]

VALUES = "values.npz"
INDEX = "values.json"
FORMAT = 2

ABSENT, PASSED, FAILED, UNMEASURED = range(4)
"""What ``state`` holds: no such result, within the limit, beyond it, no number."""

Place = tuple[int, str]
"""Detector id and amplifier name; -1 or empty for what is about all of them."""


@dataclass(frozen=True)
class TestValues:
    """One test: every result, by exposure and place."""

    __test__ = False  # its name is no reason for pytest to collect it

    level: str
    test: str
    exposures: tuple[int, ...]
    """In order of time; (0,) where the calibration itself was judged."""
    places: tuple[Place, ...]
    value: np.ndarray
    """Shape (exposures, places), float32; NaN where there is no number."""
    limit: np.ndarray
    state: np.ndarray
    """uint8: ABSENT, PASSED, FAILED or UNMEASURED."""

    @property
    def margin(self) -> np.ndarray:
        """Distance beyond the limit in units of the limit; NaN where that is 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            margin = (self.value - self.limit) / np.abs(self.limit)
        return np.where(np.isfinite(margin), margin, np.nan)

    @property
    def has_failed(self) -> np.ndarray:
        """Whether each result failed, one without a number included."""
        return self.state >= FAILED

    def worst(self) -> tuple[float | None, float | None]:
        """Give value and limit of what is farthest beyond its limit; None: neither."""
        index = self._worst_index()
        if index is None:
            return None, None
        return float(self.value[index]), float(self.limit[index])

    def worst_place(self) -> Place | None:
        """Give where that is."""
        index = self._worst_index()
        return None if index is None else self.places[index[1]]

    def _worst_index(self) -> tuple[int, int] | None:
        margin = self.margin
        score = np.where(np.isfinite(margin), margin, self.value)
        if not np.isfinite(score).any():
            return None
        row, column = np.unravel_index(np.nanargmax(score), score.shape)
        return int(row), int(column)

    def only(
        self,
        *,
        exposure: int = 0,
        detectors: Collection[int] | None = None,
        amplifier: str = "",
    ) -> "TestValues":
        """Take the results of some places or one exposure; by default all."""
        wanted = np.ones(len(self.places), bool)
        if detectors is not None:
            wanted &= np.isin(self._place_arrays[0], list(detectors))
        if amplifier:
            wanted &= self._place_arrays[1] == amplifier
        rows = [
            i for i, e in enumerate(self.exposures) if not exposure or e == exposure
        ]
        return self._take(rows, np.flatnonzero(wanted).tolist())

    def select_exposures(self, exposures: Collection[int]) -> "TestValues":
        """Take the results of some exposures."""
        rows = [i for i, e in enumerate(self.exposures) if e in exposures]
        return self._take(rows, range(len(self.places)))

    @cached_property
    def of_good_exposures(self) -> "TestValues":
        """Leave out exposures that failed as a whole: clusters of their own."""
        seen = (self.state > ABSENT).sum(axis=1)
        failed = self.has_failed.sum(axis=1)
        is_bad = (failed > 1) & (failed >= LARGE_SHARE * seen)
        if not is_bad.any() or 0 in self.exposures:
            return self
        kept = [e for e, bad in zip(self.exposures, is_bad, strict=True) if not bad]
        return self.select_exposures(kept) if kept else self

    @cached_property
    def _place_arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Detectors and amplifiers of the places."""
        detectors = np.array([detector for detector, _ in self.places], int)
        return detectors, np.array([amplifier for _, amplifier in self.places], str)

    def _take(self, rows: Sequence[int], columns: Sequence[int]) -> "TestValues":
        grid = np.ix_(rows, columns)
        return TestValues(
            level=self.level,
            test=self.test,
            exposures=tuple(self.exposures[i] for i in rows),
            places=tuple(self.places[i] for i in columns),
            value=self.value[grid],
            limit=self.limit[grid],
            state=self.state[grid],
        )


@dataclass(frozen=True)
class PartIndex:
    """What a part's arrays are about."""

    tests: tuple[Mapping[str, Any], ...]
    """``level``, ``test``, ``statistic``, ``sense``, ``unit``, ``limit_expression``,
    ``definition``, ``is_advisory`` and ``exposures``, in the order of the criteria."""
    places: Mapping[str, tuple[Place, ...]]
    """By level."""
    detectors: tuple[tuple[int, int, int, int, int], ...]
    """Id and numbers of results passed, failed, advisory and not measured, each
    counted once, tests of all levels."""

    def test(self, level: str, test: str) -> Mapping[str, Any]:
        """Find a test.

        Raises
        ------
        NotFoundError
            Raised for one that was not made.
        """
        for one in self.tests:
            if (one["level"], one["test"]) == (level, test):
                return one
        raise NotFoundError(f"There is no result of {level} {test} in this part.")


def write_values(
    results: Iterable[Result], notes: Mapping[TestKey, TestNote], folder: Path
) -> None:
    """Write a part's results as arrays and say what they are about."""
    everything = Results.of(results)
    grouped = everything.by_test
    known = {key: number for number, key in enumerate(notes)}
    keys = sorted(grouped, key=lambda key: (known.get(key, len(known)), key))
    places = {
        level: _places(everything.take(everything.words["level"].where(level)))
        for level in sorted({level for level, _ in keys})
    }
    arrays: dict[str, np.ndarray] = {}
    tests = []
    for key in keys:
        group = grouped[key]
        exposures = np.unique(group.exposure).tolist()
        for name, array in _arrays(group, exposures, places[key[0]]).items():
            arrays[f"{key[0]}.{key[1]}.{name}"] = array
        tests.append(_describe(group[0], notes.get(key), exposures))
    np.savez_compressed(folder / VALUES, **arrays)  # type: ignore[arg-type]
    index = {
        "format": FORMAT,
        "tests": tests,
        "places": places,
        "detectors": _count_detectors(grouped, notes),
    }
    text = json.dumps(index, ensure_ascii=False, separators=(",", ":"))
    (folder / INDEX).write_text(text + "\n", encoding="utf-8")


def read_index(report: VerificationReport, key: str) -> PartIndex:
    """Read what a part's arrays are about."""
    return _read_index(_path(report, f"{PARTS}/{key}/{INDEX}"))


def read_values(
    report: VerificationReport, key: str, level: str, test: str
) -> TestValues:
    """Read one test of a part.

    Raises
    ------
    NotFoundError
        Raised if the part or the test is not in the report.
    """
    read_index(report, key).test(level, test)
    path = _path(report, f"{PARTS}/{key}/{VALUES}")
    return _read_values(path, level, test)


_paths: dict[tuple[str, str, str], str] = {}
"""Where files were found: a manifest of a whole camera takes long to read each time."""

MAX_PATHS = 4096


def _path(report: VerificationReport, name: str) -> str:
    place = (str(settings.EVIDENCE_ROOT), report.sha256, name)
    if place not in _paths:
        if len(_paths) >= MAX_PATHS:
            _paths.clear()
        _paths[place] = str(evidence_file(report, name))
    return _paths[place]


# A page of the review room looks at one to ten tests; LSSTCam's take 0.6 MB each.
@lru_cache(maxsize=64)
def _read_values(path: str, level: str, test: str) -> TestValues:
    index = _read_index(str(Path(path).with_name(INDEX)))
    name = f"{level}.{test}"
    with np.load(path, allow_pickle=False) as arrays:
        return TestValues(
            level=level,
            test=test,
            exposures=tuple(index.test(level, test)["exposures"]),
            places=index.places[level],
            value=arrays[f"{name}.value"],
            limit=arrays[f"{name}.limit"],
            state=arrays[f"{name}.state"],
        )


@lru_cache(maxsize=64)
def _read_index(path: str) -> PartIndex:
    read = json.loads(Path(path).read_text(encoding="utf-8"))
    return PartIndex(
        tests=tuple(read["tests"]),
        places={
            level: tuple((detector, amplifier) for detector, amplifier in places)
            for level, places in read["places"].items()
        },
        # Until format 2 what was not measured was counted as failed or advisory.
        detectors=tuple((*row, 0)[:5] for row in read["detectors"]),
    )


def _places(results: Results) -> list[Place]:
    """List places by detector, amplifiers as the tests have them."""
    places, begins = np.unique(results.places, return_index=True)
    found = [results.name_place(place) for place in places[np.argsort(begins)]]
    return sorted(found, key=lambda place: place[0])


def _arrays(
    group: Results, exposures: Sequence[int], places: Sequence[Place]
) -> dict[str, np.ndarray]:
    column_of = {place: i for i, place in enumerate(places)}
    known, number = np.unique(group.places, return_inverse=True)
    columns = np.array([column_of[group.name_place(p)] for p in known], int)
    index = np.searchsorted(exposures, group.exposure), columns[number]
    shape = len(exposures), len(places)
    value = np.full(shape, np.nan, np.float32)
    limit = np.full(shape, np.nan, np.float32)
    state = np.zeros(shape, np.uint8)
    value[index], limit[index] = group.value, group.limit
    beyond = np.where(group.is_measured, FAILED, UNMEASURED)
    state[index] = np.where(group.passed, PASSED, beyond)
    return {"value": value, "limit": limit, "state": state}


def _describe(
    result: Result, note: TestNote | None, exposures: Sequence[int]
) -> dict[str, Any]:
    return {
        "level": result.level,
        "test": result.test,
        "statistic": result.statistic,
        "sense": result.sense,
        "unit": result.unit,
        "limit_expression": note.limit_expression if note else "",
        "definition": note.definition if note else "",
        "is_advisory": bool(note and note.is_advisory),
        "exposures": list(exposures),
    }


def _count_detectors(
    grouped: Mapping[TestKey, Results], notes: Mapping[TestKey, TestNote]
) -> list[list[int]]:
    """Count a detector's results: passed, failed, advisory and not measured."""
    counts: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for key, group in grouped.items():
        note = notes.get(key)
        beyond = 2 if note and note.is_advisory else 1
        kinds = np.where(group.is_measured, beyond, 3)
        kinds[group.passed] = 0
        for kind in range(4):
            found = np.unique(group.detector[kinds == kind], return_counts=True)
            for detector, n in zip(*(x.tolist() for x in found), strict=True):
                counts[detector][kind] += n
    return [[detector, *counts[detector]] for detector in sorted(counts)]
