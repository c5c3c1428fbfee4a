"""The report's own pages: a folder of HTML that opens from a disk, without scripts."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from django.template.loader import render_to_string
from pyarrow import csv

from reports.domain.results import Result
from reports.services.findings import N_SHOWN, worst_clusters

__all__ = ["write_pages", "write_results"]

STYLE = "report.css"

_WORD, _NUMBER = pa.string(), pa.float64()
_TYPES = {
    "exposure": pa.int64(),
    "detector": pa.int64(),
    "amplifier": _WORD,
    "level": _WORD,
    "test": _WORD,
    "statistic": _WORD,
    "value": _NUMBER,
    "limit": _NUMBER,
    "sense": _WORD,
    "unit": _WORD,
    "passed": pa.bool_(),
    "dmtn101": _WORD,
    "criteria_version": _WORD,
}
"""A result's fields, in order."""


def write_pages(summary: Mapping[str, Any], folder: Path) -> None:
    """Write the front page, a page for each stage, and their style."""
    ranked = worst_clusters(summary)
    front = {"summary": summary, "worst": ranked[:N_SHOWN], "n_rows": len(ranked)}
    _write(folder / "index.html", "reports/static/index.html", front)
    for stage in summary["stages"]:
        _write(
            folder / f"{stage['key']}.html",
            "reports/static/stage.html",
            {"summary": summary, "stage": stage},
        )
    _write(folder / STYLE, f"reports/static/{STYLE}", {})


def write_results(results: Sequence[Result], path: Path) -> None:
    """Write every number as CSV, in the order in which it was read."""
    columns = zip(*results, strict=True) if results else ((),) * len(_TYPES)
    arrays = [pa.array(c, t) for c, t in zip(columns, _TYPES.values(), strict=True)]
    table = pa.Table.from_arrays(arrays, names=list(_TYPES))
    with path.open("wb") as file:
        file.write(f"{','.join(_TYPES)}\n".encode())
        options = csv.WriteOptions(include_header=False, quoting_style="needed")
        csv.write_csv(table, file, options)


def _write(path: Path, template: str, context: Mapping[str, Any]) -> None:
    path.write_text(render_to_string(template, dict(context)), encoding="utf-8")
