"""Fair timing: the candidates in turn, several rounds, medians."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence

__all__ = ["compare", "median_seconds", "print_rows", "print_table"]


def compare(
    cases: Mapping[str, Callable[[], object]], repeats: int
) -> dict[str, float]:
    """Time each case once a round, so that all see the same weather.

    Returns
    -------
    dict
        Median seconds of each case, in the order given.
    """
    return median_seconds(cases, repeats)


def print_table(title: str, medians: Mapping[str, float], *, reference: str) -> None:
    """Print each case's seconds and how many times the reference's they are."""
    width = max(len(name) for name in medians)
    print(title)
    print(f"{'':{width}}  {'seconds':>10}  {'ratio':>8}")
    for name, time_s in medians.items():
        ratio = time_s / medians[reference]
        print(f"{name:{width}}  {time_s:10.4f}  {ratio:8.2f}")


def median_seconds(
    cases: Mapping[str, Callable[[], object]],
    repeats: int,
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Time each case once a round, by a clock of choice, and give the medians."""
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(repeats):
        for name, run in cases.items():
            start = clock()
            run()
            seconds[name].append(clock() - start)
    return {name: statistics.median(times) for name, times in seconds.items()}


def print_rows(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table that Markdown can take as it is."""
    cells = [tuple(titles), *(tuple(row) for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(titles))]
    lines = [
        "| " + " | ".join(f"{c:{w}}" for c, w in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    print("\n".join(lines))
