"""The failures of a report, each a cluster with one place: plain Python, no Django.

They are read from the tables that a report keeps of itself, so that what needs a
waiver is what its reader sees, row by row. Tests that decide nothing need none; what
was expected and is not there needs one like what failed, for nobody can say that it
would have passed.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reports.domain.absences import UNMEASURED as UNMEASURED_VALUES
from reports.domain.clusters import urgency

__all__ = ["MISSING", "UNMEASURED", "Failure", "count_in_words", "find_failures"]

MISSING = "missing"
"""Kind of a failure that is no result: a test, a type, a detector or an image is
absent."""

UNMEASURED = "unmeasured"
"""Kind of a failure without a number, of whatever tests."""

_TOLD_OTHERWISE = {"tests", UNMEASURED_VALUES}
"""Absences that are failures of their own: a test each, and what has no number."""


@dataclass(frozen=True)
class Failure:
    """One test that failed at one place, or that was not made."""

    part: str
    """Key of the report's part: ``flat-r``."""
    calib_type: str
    physical_filter: str
    level: str
    test: str
    """Empty where a whole type was not verified."""
    kind: str
    """What the failures have in common: the camera, an exposure, a raft, a detector,
    an amplifier; or ``unmeasured``, or ``missing``."""
    raft: str
    detector: int
    """-1 where it is about no single detector."""
    amplifier: str
    exposure: int
    """0 where it is about no single exposure."""
    place: str
    """Where and how often, as the report says it."""
    value: float | None
    """Of what is missing, how many, where they are counted."""
    limit: float | None
    unit: str
    margin: float | None
    text: str
    n_failed: int
    n_results: int
    tests: tuple[str, ...] = ()
    """Of what has no number: level and test of each, ``AMP NOISE``."""

    @property
    def is_measured(self) -> bool:
        """Whether there is a number that a limit judges."""
        is_result = self.kind not in (MISSING, UNMEASURED)
        return is_result and self.value is not None and self.limit is not None

    @property
    def name(self) -> str:
        """What failed: ``bias AMP NOISE``, ``bias 5 tests not measured``."""
        if not self.tests:
            return " ".join(filter(None, (self.part, self.level, self.test)))
        one = len(self.tests) == 1
        what = self.tests[0] if one else f"{len(self.tests)} tests"
        return f"{self.part} {what} not measured"

    @property
    def key(self) -> str:
        """What tells it from every other failure of its report."""
        words = (self.part, self.level, self.test, self.kind)
        place = (self.raft, self.detector, self.amplifier, self.exposure)
        return ":".join(str(word) for word in (*words, *place))

    @property
    def sentence(self) -> str:
        """The failure in a line: ``bias AMP NOISE, R22_S11 C05: 3 of 9 exposures``."""
        return f"{self.name}, {self.place}" if self.place else self.name


def find_failures(
    summary: Mapping[str, Any], *, filters: Mapping[str, str] | None = None
) -> list[Failure]:
    """List the failures of a report's summary, worst first.

    First a type that was not verified at all, then what is beyond its limit by how
    much, then what nobody knows: tests without a result, results without a number,
    other evidence that is not there.

    Parameters
    ----------
    filters
        Physical filter by part, where a part has one.
    """
    found = [
        failure
        for stage in summary.get("stages", ())
        for failure in _of_stage(stage, (filters or {}).get(stage["key"], ""))
    ]
    return sorted(found, key=_order)


def count_in_words(failures: Iterable[Failure]) -> str:
    """Write ``2 failures and 1 thing missing``."""
    rows = list(failures)
    missing = sum(one.kind == MISSING for one in rows)
    failed = len(rows) - missing
    said = [
        f"{n} {one if n == 1 else many}"
        for n, one, many in (
            (failed, "failure", "failures"),
            (missing, "thing missing", "things missing"),
        )
        if n
    ]
    return " and ".join(said) or "no failure"


def _order(failure: Failure) -> tuple[Any, ...]:
    found = urgency(
        is_advisory=False,
        is_measured=failure.is_measured,
        margin=failure.margin,
        value=failure.value,
    )
    return (_rank(failure), found, -failure.n_failed)


def _rank(failure: Failure) -> int:
    if failure.kind == MISSING:
        if not failure.test:
            return 0
        return 2 if failure.level else 4
    return 1 if failure.is_measured else 3


def _of_stage(stage: Mapping[str, Any], physical_filter: str) -> Iterator[Failure]:
    common = {
        "part": stage["key"],
        "calib_type": stage["calib_type"],
        "physical_filter": physical_filter,
    }
    whole = stage.get("missing", "")
    absences = [
        one
        for one in stage.get("absences", ())
        if one["is_missing"]
        and one["what"] not in _TOLD_OTHERWISE
        and one["sentence"] != whole
    ]
    if whole:
        yield _missing(common, place=whole)
    # Where nothing at all has a result, a line for each test says no more.
    is_bare = bool(whole) or any(one["what"] == "results" for one in absences)
    for line in stage.get("lines", ()):
        if line["verdict"] == MISSING and not (line["is_advisory"] or is_bare):
            yield _missing(
                common, level=line["level"], test=line["test"], place="no result"
            )
    for one in absences:
        yield _missing(
            common,
            test=one["what"],
            place=one["sentence"].rstrip("."),
            n=one.get("n", 0),
            text="missing",
        )
    for cluster in stage.get("clusters", ()):
        if not cluster["is_advisory"]:
            yield _of_cluster(common, cluster)


def _missing(
    common: dict[str, Any],
    *,
    place: str,
    level: str = "",
    test: str = "",
    n: int = 0,
    text: str = "not verified",
) -> Failure:
    return Failure(
        **common,
        level=level,
        test=test,
        kind=MISSING,
        raft="",
        detector=-1,
        amplifier="",
        exposure=0,
        place=place,
        value=float(n) if n else None,
        limit=None,
        unit="",
        margin=None,
        text=text,
        n_failed=0,
        n_results=0,
    )


def _of_cluster(common: dict[str, Any], cluster: Mapping[str, Any]) -> Failure:
    worst = cluster["worst"]
    # One of several tests may have a value and no limit to judge it by.
    is_unmeasured = cluster["kind"] == UNMEASURED
    return Failure(
        **common,
        level=cluster["level"],
        test=cluster["test"],
        kind=cluster["kind"],
        raft=cluster["raft"],
        detector=cluster["detector"],
        amplifier=cluster["amplifier"],
        exposure=cluster["exposure"],
        place=cluster["sentence"],
        value=None if is_unmeasured else worst["value"],
        limit=None if is_unmeasured else worst["limit"],
        unit=worst["unit"],
        margin=None if is_unmeasured else worst["margin"],
        text=worst["text"],
        n_failed=cluster["n_failed"],
        n_results=cluster["n_results"],
        tests=tuple(cluster.get("tests", ())),
    )
