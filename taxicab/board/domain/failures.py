"""The failures of a report, each a cluster with one place: plain Python, no Django.

They are read from the tables that a report keeps of itself, so that what needs a
waiver is what its reader sees, row by row. Tests that decide nothing need none; what
was not verified needs one like what failed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["MISSING", "Failure", "find_failures"]

MISSING = "missing"
"""Kind of a failure that nobody measured: a test, or a whole type, is absent."""


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
    an amplifier; or ``missing``."""
    raft: str
    detector: int
    """-1 where it is about no single detector."""
    amplifier: str
    exposure: int
    """0 where it is about no single exposure."""
    place: str
    """Where and how often, as the report says it."""
    value: float | None
    limit: float | None
    unit: str
    margin: float | None
    text: str
    n_failed: int
    n_results: int

    @property
    def key(self) -> str:
        """What tells it from every other failure of its report."""
        words = (self.part, self.level, self.test, self.kind)
        place = (self.raft, self.detector, self.amplifier, self.exposure)
        return ":".join(str(word) for word in (*words, *place))

    @property
    def sentence(self) -> str:
        """The failure in a line: ``bias AMP NOISE, R22_S11 C05: 3 of 9 exposures``."""
        name = " ".join(filter(None, (self.part, self.level, self.test)))
        return f"{name}, {self.place}" if self.place else name


def find_failures(
    summary: Mapping[str, Any], *, filters: Mapping[str, str] | None = None
) -> list[Failure]:
    """List the failures of a report's summary, in its order.

    Parameters
    ----------
    filters
        Physical filter by part, where a part has one.
    """
    return [
        failure
        for stage in summary.get("stages", ())
        for failure in _of_stage(stage, (filters or {}).get(stage["key"], ""))
    ]


def _of_stage(stage: Mapping[str, Any], physical_filter: str) -> Iterator[Failure]:
    common = {
        "part": stage["key"],
        "calib_type": stage["calib_type"],
        "physical_filter": physical_filter,
    }
    if stage.get("missing"):
        yield _missing(common, "", "", stage["missing"])
    for line in stage.get("lines", ()):
        if line["verdict"] == MISSING and not (
            line["is_advisory"] or stage.get("missing")
        ):
            yield _missing(common, line["level"], line["test"], "no result")
    for cluster in stage.get("clusters", ()):
        if not cluster["is_advisory"]:
            yield _of_cluster(common, cluster)


def _missing(common: dict[str, str], level: str, test: str, place: str) -> Failure:
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
        value=None,
        limit=None,
        unit="",
        margin=None,
        text="not verified",
        n_failed=0,
        n_results=0,
    )


def _of_cluster(common: dict[str, str], cluster: Mapping[str, Any]) -> Failure:
    worst = cluster["worst"]
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
        value=worst["value"],
        limit=worst["limit"],
        unit=worst["unit"],
        margin=worst["margin"],
        text=worst["text"],
        n_failed=cluster["n_failed"],
        n_results=cluster["n_results"],
    )
