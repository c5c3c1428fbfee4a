"""Failures folded into what probably caused them. Plain Python.

Hundreds of failing rows are often one saturated exposure or one noisy amplifier.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, TypeVar

from reports.domain.results import Result
from reports.domain.verdicts import find_worst, group_by_test

__all__ = ["LARGE_SHARE", "Cluster", "ClusterKind", "find_clusters", "urgency"]

LARGE_SHARE = 0.5
"""An exposure or a detector is the cause when this share of its results failed."""


_FINEST = ("AMP", "DET", "EXP")

Place = TypeVar("Place", int, str, tuple[int, int, str])


class ClusterKind(StrEnum):
    """What the failures have in common."""

    CAMERA = "camera"
    """The test itself: it fails nearly everywhere, on several exposures."""
    EXPOSURE = "exposure"
    RAFT = "raft"
    DETECTOR = "detector"
    AMPLIFIER = "amplifier"
    UNMEASURED = "unmeasured"
    """There is no number, of whatever tests: its place says of what."""


@dataclass(frozen=True)
class Cluster:
    """Failures with one likely cause: of one test, or what could not be measured."""

    level: str
    test: str
    """Where several tests have no number, the first of them stands for all."""
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
    tests: tuple[str, ...] = ()
    """Of what could not be measured: level and test of each, ``AMP NOISE``."""


class _Cause(NamedTuple):
    """What results have in common."""

    kind: ClusterKind
    place: str
    members: Sequence[Result]
    """Passed ones included."""
    scope: Mapping[str, Any]


def find_clusters(
    results: Iterable[Result], *, detector_names: Mapping[int, str]
) -> list[Cluster]:
    """Fold the failures of every test, the most urgent first.

    A test that failed in half of its places or more on several exposures, and on half
    of those that there are, is one cluster; an exposure on which it did is one; of what
    remains, a raft and then a detector in which half of the results failed is one; the
    rest is folded by amplifier. What has no number is folded in the same way, but all
    tests together: an amplifier that is dead is dead for each of them.
    """
    everything = list(results)
    unmeasured = [r for r in everything if not (r.passed or r.is_measured)]
    known = [r for r in everything if r.passed or r.is_measured]
    clusters = [
        cluster
        for group in group_by_test(known).values()
        for cause in _find_causes(group, detector_names)
        if (cluster := _cluster(cause))
    ]
    clusters += _fold_unmeasured(unmeasured, everything, detector_names)
    return sorted(clusters, key=_order)


def urgency(
    *, is_advisory: bool, is_measured: bool, margin: float | None, value: float | None
) -> tuple[bool, bool, float]:
    """Give a key that sorts failures: what a board looks at first comes first.

    What decides comes before advice; what is known to be bad, and how bad, before what
    is not known. Beyond a limit of 0 there are no units of it: the value stands.
    """
    badness = margin if margin is not None else (value or 0.0)
    return (is_advisory, not is_measured, -badness if is_measured else 0.0)


def _find_causes(group: Sequence[Result], names: Mapping[int, str]) -> Iterable[_Cause]:
    if all(result.passed for result in group):
        return
    exposures = _split(group, lambda r: r.exposure)
    if _is_everywhere(exposures):
        yield _Cause(ClusterKind.CAMERA, "Everywhere", group, {})
        return
    rest: list[Result] = []
    for exposure, members in exposures.items():
        if not exposure:  # the calibration itself was judged
            rest += members
        elif _is_cause(members) or _has_failed(members, "EXP"):
            place = f"Exposure {exposure}"
            here = {"exposure": exposure}
            yield _Cause(ClusterKind.EXPOSURE, place, members, here)
        else:
            rest += members
    for raft, members in _split(rest, lambda r: _raft(r, names)).items():
        if raft and _is_cause(members) and _n_detectors(members) > 1:
            yield _Cause(ClusterKind.RAFT, f"Raft {raft}", members, {"raft": raft})
        else:
            yield from _find_in_detectors(members, names)


def _find_in_detectors(
    group: Sequence[Result], names: Mapping[int, str]
) -> Iterable[_Cause]:
    for detector, members in _split(group, lambda r: r.detector).items():
        name = names.get(detector, f"Detector {detector}")
        scope = {"raft": _raft(members[0], names), "detector": detector}
        if _is_cause(members) or _has_failed(members, "DET"):
            yield _Cause(ClusterKind.DETECTOR, name, members, scope)
            continue
        for amplifier, results in _split(members, lambda r: r.amplifier).items():
            here = {**scope, "amplifier": amplifier}
            place = f"{name} {amplifier}"
            yield _Cause(ClusterKind.AMPLIFIER, place, results, here)


def _fold_unmeasured(
    unmeasured: Sequence[Result],
    results: Iterable[Result],
    names: Mapping[int, str],
) -> Iterable[Cluster]:
    """Fold what has no number by its cause, whichever tests it is of."""
    if not unmeasured:
        return
    gone = _split(unmeasured, _where)
    hit = {(r.level, r.test) for r in unmeasured}
    # A place stands for all its tests, and has failed if one of them has no number.
    places = {where: members[0] for where, members in gone.items()}
    n_results: Counter[tuple[tuple[int, int, str], str, str]] = Counter()
    for r in results:
        where = _where(r)
        if where not in places:
            places[where] = r._replace(passed=True)
        if (r.level, r.test) in hit:
            n_results[(where, r.level, r.test)] += 1
    for cause in _find_causes(list(places.values()), names):
        found = [r for one in cause.members for r in gone.get(_where(one), ())]
        if not found:
            continue
        tests = {(r.level, r.test) for r in found}
        failed = [one for one in cause.members if not one.passed]
        first = min(found, key=lambda r: (r.level, r.test))
        yield Cluster(
            level=first.level,
            test=first.test,
            kind=ClusterKind.UNMEASURED,
            sentence=_sentence(cause.kind, cause.place, failed, cause.members),
            n_failed=len(found),
            n_results=sum(
                n_results[(_where(one), *test)]
                for one in cause.members
                for test in tests
            ),
            worst=first,
            tests=tuple(sorted(f"{level} {test}" for level, test in tests)),
            **cause.scope,
        )


def _where(result: Result) -> tuple[int, int, str]:
    return (result.exposure, result.detector, result.amplifier)


def _has_failed(members: Iterable[Result], level: str) -> bool:
    return any(one.level == level and not one.passed for one in members)


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


def _cluster(cause: _Cause) -> Cluster | None:
    failed = [result for result in cause.members if not result.passed]
    worst = find_worst(failed)
    if worst is None:
        return None
    return Cluster(
        level=worst.level,
        test=worst.test,
        kind=cause.kind,
        sentence=_sentence(cause.kind, cause.place, failed, cause.members),
        n_failed=len(failed),
        n_results=len(cause.members),
        worst=worst,
        **cause.scope,
    )


def _sentence(
    kind: ClusterKind, place: str, failed: Sequence[Result], members: Sequence[Result]
) -> str:
    # What has no number may be of several levels: the finest says where it is.
    level = min((result.level for result in failed), key=_FINEST.index)
    failed = [result for result in failed if result.level == level]
    members = [result for result in members if result.level == level]
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


def _order(cluster: Cluster) -> tuple[Any, ...]:
    worst = cluster.worst
    found = urgency(
        is_advisory=False,  # whoever knows the tests puts advice last
        is_measured=worst.is_measured,
        margin=worst.margin,
        value=worst.value,
    )
    return (*found, -cluster.n_failed, cluster.test, cluster.sentence)
