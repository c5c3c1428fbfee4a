"""Failures folded into what probably caused them. Plain Python.

Hundreds of failing rows are often one saturated exposure or one noisy amplifier.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from reports.domain.results import Result
from reports.domain.verdicts import find_worst

__all__ = ["LARGE_SHARE", "Cluster", "ClusterKind", "find_clusters"]

LARGE_SHARE = 0.5
"""An exposure or a detector is the cause when this share of its results failed."""


Place = TypeVar("Place", int, str)


class ClusterKind(StrEnum):
    """What the failures have in common."""

    CAMERA = "camera"
    """The test itself: it fails nearly everywhere, on several exposures."""
    EXPOSURE = "exposure"
    RAFT = "raft"
    DETECTOR = "detector"
    AMPLIFIER = "amplifier"


@dataclass(frozen=True)
class Cluster:
    """Failures of one test with one likely cause."""

    level: str
    test: str
    kind: ClusterKind
    sentence: str
    n_failed: int
    n_results: int
    """Results of the same place, passed ones included."""
    worst: Result
    exposure: int = 0
    """What all of it shares; 0 where it spans exposures or had none."""
    raft: str = ""
    detector: int = -1
    amplifier: str = ""


def find_clusters(
    results: Iterable[Result], *, detector_names: Mapping[int, str]
) -> list[Cluster]:
    """Fold the failures of every test, the largest excess first.

    A test that failed in half of its places or more on several exposures, and on half
    of those that there are, is one cluster; an exposure on which it did is one; of what
    remains, a raft and then a detector in which half of the results failed is one; the
    rest is folded by amplifier.
    """
    grouped: dict[tuple[str, str], list[Result]] = defaultdict(list)
    for result in results:
        grouped[(result.level, result.test)].append(result)
    clusters = [c for group in grouped.values() for c in _fold(group, detector_names)]
    return sorted(clusters, key=_order)


def _fold(group: Sequence[Result], names: Mapping[int, str]) -> Iterable[Cluster]:
    if all(result.passed for result in group):
        return
    exposures = _split(group, lambda r: r.exposure)
    if _is_everywhere(exposures):
        yield from _cluster(ClusterKind.CAMERA, "Everywhere", group)
        return
    rest: list[Result] = []
    for exposure, members in exposures.items():
        if not exposure:  # the calibration itself was judged
            rest += members
        elif _is_cause(members) or group[0].level == "EXP":
            place = f"Exposure {exposure}"
            yield from _cluster(ClusterKind.EXPOSURE, place, members, exposure=exposure)
        else:
            rest += members
    for raft, members in _split(rest, lambda r: _raft(r, names)).items():
        if raft and _is_cause(members) and _n_detectors(members) > 1:
            place = f"Raft {raft}"
            yield from _cluster(ClusterKind.RAFT, place, members, raft=raft)
        else:
            yield from _fold_detectors(members, names)


def _fold_detectors(
    group: Sequence[Result], names: Mapping[int, str]
) -> Iterable[Cluster]:
    for detector, members in _split(group, lambda r: r.detector).items():
        name = names.get(detector, f"Detector {detector}")
        scope = {"raft": _raft(members[0], names), "detector": detector}
        if _is_cause(members) or group[0].level == "DET":
            yield from _cluster(ClusterKind.DETECTOR, name, members, **scope)
            continue
        for amplifier, results in _split(members, lambda r: r.amplifier).items():
            yield from _cluster(
                ClusterKind.AMPLIFIER,
                f"{name} {amplifier}",
                results,
                **scope,
                amplifier=amplifier,
            )


def _raft(result: Result, names: Mapping[int, str]) -> str:
    """Take the raft from a name such as R22_S11; empty where there is none."""
    raft, found, _ = names.get(result.detector, "").partition("_")
    return raft if found else ""


def _n_detectors(members: Iterable[Result]) -> int:
    return len({r.detector for r in members if not r.passed})


def _is_everywhere(exposures: Mapping[int, Sequence[Result]]) -> bool:
    """Whether several exposures, and half of all, failed as a whole."""
    causes = sum(_is_cause(members) for e, members in exposures.items() if e)
    return causes > 1 and causes >= LARGE_SHARE * len(exposures)


def _split(
    results: Iterable[Result], by: Callable[[Result], Place]
) -> dict[Place, list[Result]]:
    groups: dict[Place, list[Result]] = defaultdict(list)
    for result in results:
        groups[by(result)].append(result)
    return groups


def _is_cause(members: Sequence[Result]) -> bool:
    """Whether many failures share the place: a single result proves nothing."""
    failed = [result for result in members if not result.passed]
    if len(failed) < max(2, LARGE_SHARE * len(members)):
        return False
    return len({(r.detector, r.amplifier) for r in failed}) > 1


def _cluster(
    kind: ClusterKind, place: str, members: Sequence[Result], **scope: Any
) -> Iterable[Cluster]:
    failed = [result for result in members if not result.passed]
    worst = find_worst(failed)
    if worst is None:
        return
    yield Cluster(
        level=worst.level,
        test=worst.test,
        kind=kind,
        sentence=_sentence(kind, place, failed, members),
        n_failed=len(failed),
        n_results=len(members),
        worst=worst,
        **scope,
    )


def _sentence(
    kind: ClusterKind, place: str, failed: Sequence[Result], members: Sequence[Result]
) -> str:
    level = members[0].level
    if kind is ClusterKind.EXPOSURE:
        if level == "EXP":
            return f"{place}, all detectors together"
        what = "amplifiers" if level == "AMP" else "detectors"
        return f"{place}: {len(failed)} of {len(members)} {what}"
    if kind in (ClusterKind.CAMERA, ClusterKind.RAFT):
        detectors = len({result.detector for result in failed})
        said = f"{detectors} detectors" if level != "EXP" else ""
        return _join(place, said, _exposures(failed, members))
    if kind is ClusterKind.DETECTOR and level == "AMP":
        amplifiers = len({result.amplifier for result in failed})
        return _join(place, f"{amplifiers} amplifiers", _exposures(failed, members))
    return _join(place, _exposures(failed, members))


def _join(place: str, *parts: str) -> str:
    said = ", ".join(filter(None, parts))
    return f"{place}: {said}" if said else place


def _exposures(failed: Sequence[Result], members: Sequence[Result]) -> str:
    """Write ``2 of 9 exposures``; nothing where a calibration itself was judged."""
    if not any(result.exposure for result in members):
        return ""
    hit = len({result.exposure for result in failed})
    total = len({result.exposure for result in members})
    return f"{hit} of {total} exposures"


def _order(cluster: Cluster) -> tuple[float, int, str, str]:
    margin = cluster.worst.margin
    badness = float("inf") if margin is None else margin
    return (-badness, -cluster.n_failed, cluster.test, cluster.sentence)
