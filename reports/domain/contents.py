"""Which collections of a repository hold what a report is about. Plain Python.

Collections are judged by the datasets in them, whatever they are called: those of a
site's own ``cp_verify`` follow no rule that could be relied on.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from calibrations.domain.specifications import SPECIFICATIONS, Specification
from reports.domain.stages import StagePlan

__all__ = ["Dataset", "plan_contents", "wanted_types"]


@dataclass(frozen=True)
class Dataset:
    """A dataset that a report could be about."""

    type: str
    run: str
    physical_filter: str = ""


Place = tuple[str, str]
"""A run, and a physical filter or nothing."""


def wanted_types() -> list[str]:
    """Name the dataset types by which generations and verifications are known."""
    return [
        name
        for one in SPECIFICATIONS.values()
        for name in (str(one.type), *_result_types(one))
    ]


def plan_contents(
    datasets: Iterable[Dataset],
    runs: Sequence[str],
    *,
    bands: Mapping[str, str],
) -> list[StagePlan]:
    """Pair generations with verifications, in the order of construction.

    Parameters
    ----------
    datasets
        Of the types that are wanted.
    runs
        In the order of search.
    bands
        Of physical filters, for labels.
    """
    found: dict[str, set[Place]] = {}
    for one in datasets:
        found.setdefault(one.type, set()).add((one.run, one.physical_filter))
    plans = [
        plan
        for specification in SPECIFICATIONS.values()
        for plan in _plan_type(specification, found, runs, bands)
    ]
    return _with_keys(plans)


def _result_types(one: Specification) -> list[str]:
    stems = [one.verification] if one.verification else []
    return [
        f"{stem}{tail}"
        for stem in (*stems, *one.also_verified)
        for tail in ("Tests", "Results", "DetTests", "DetResults")
    ]


def _plan_type(
    one: Specification,
    found: Mapping[str, set[Place]],
    runs: Sequence[str],
    bands: Mapping[str, str],
) -> Iterable[StagePlan]:
    made = found.get(str(one.type), set())
    tests = {place for name in _result_types(one) for place in found.get(name, ())}
    if not one.is_per_filter:
        made, tests = ({(run, "") for run, _ in places} for places in (made, tests))
    for physical_filter in sorted({name for _, name in made | tests}):
        mine = [run for run in runs if (run, physical_filter) in made]
        theirs = [run for run in runs if (run, physical_filter) in tests]
        for generation, verification in _pair(mine, theirs):
            band = bands.get(physical_filter, physical_filter)
            label = f"{one.type}-{band}" if physical_filter else str(one.type)
            yield StagePlan(
                key="",
                label=label,
                calib_type=str(one.type),
                band=band,
                generation=generation,
                verification=verification,
                physical_filter=physical_filter,
            )


def _pair(made: Sequence[str], tests: Sequence[str]) -> list[tuple[str, str]]:
    """Give every verification its generation, where there is no doubt."""
    if not tests:
        return [(run, "") for run in made]
    if len(made) == 1:
        return [(made[0], run) for run in tests]
    if len(made) == len(tests):
        return list(zip(made, tests, strict=True))
    return [("", run) for run in tests] + [(run, "") for run in made]


def _with_keys(plans: Sequence[StagePlan]) -> list[StagePlan]:
    """Give each part a name that can be a folder's."""
    total = Counter(plan.label for plan in plans)
    seen: Counter[str] = Counter()
    keyed = []
    for plan in plans:
        seen[plan.label] += 1
        tail = f"-{seen[plan.label]}" if total[plan.label] > 1 else ""
        key = re.sub(r"[^A-Za-z0-9_.-]+", "-", plan.label + tail)
        keyed.append(replace(plan, key=key))
    return keyed
