"""The report's own pages: a folder of HTML that opens from a disk, without scripts."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from django.template.loader import render_to_string

from reports.domain.results import Result

__all__ = ["write_pages", "write_results"]

STYLE = "report.css"


def write_pages(summary: Mapping[str, Any], folder: Path) -> None:
    """Write the front page, a page for each stage, and their style."""
    _write(folder / "index.html", "reports/static/index.html", {"summary": summary})
    for stage in summary["stages"]:
        _write(
            folder / f"{stage['key']}.html",
            "reports/static/stage.html",
            {"summary": summary, "stage": stage},
        )
    _write(folder / STYLE, f"reports/static/{STYLE}", {})


def write_results(results: Sequence[Result], path: Path) -> None:
    """Write every number as CSV, in a fixed order."""
    names = [field.name for field in fields(Result)]
    rows = sorted(
        results, key=lambda r: (r.exposure, r.detector, r.amplifier, r.level, r.test)
    )
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([getattr(row, name) for name in names] for row in rows)


def _write(path: Path, template: str, context: Mapping[str, Any]) -> None:
    path.write_text(render_to_string(template, dict(context)), encoding="utf-8")
