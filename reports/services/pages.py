"""The report's own pages: a folder of HTML that opens from a disk, without scripts."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from django.template.loader import render_to_string
from pyarrow import csv

from reports.domain.results import Result
from reports.services.columns import Results
from reports.services.findings import N_SHOWN, worst_clusters
from reports.services.headers import fold_part_headers

__all__ = ["write_pages", "write_results"]

STYLE = "report.css"


def write_pages(summary: Mapping[str, Any], folder: Path) -> None:
    """Write the front page, a page for each stage, and their style."""
    ranked = worst_clusters(summary)
    front = {
        "summary": summary,
        "worst": ranked[:N_SHOWN],
        "n_rows": len(ranked),
        "headers": fold_part_headers(summary, folder.joinpath),
    }
    _write(folder / "index.html", "reports/static/index.html", front)
    for stage in summary["stages"]:
        _write(
            folder / f"{stage['key']}.html",
            "reports/static/stage.html",
            {"summary": summary, "stage": stage},
        )
    _write(folder / STYLE, f"reports/static/{STYLE}", {})


def write_results(results: Iterable[Result], path: Path) -> None:
    """Write every number as CSV, in the order in which it was read."""
    columns = Results.of(results)
    arrays = [_array(columns, name) for name in Result._fields]
    table = pa.Table.from_arrays(arrays, names=list(Result._fields))
    with path.open("wb") as file:
        file.write(f"{','.join(Result._fields)}\n".encode())
        options = csv.WriteOptions(include_header=False, quoting_style="needed")
        csv.write_csv(table, file, options)


def _array(results: Results, name: str) -> pa.Array:
    """Give a column to Arrow; what is no number is left empty."""
    if words := results.words.get(name):
        names = pa.array(words.names, pa.string())
        return pa.DictionaryArray.from_arrays(words.codes, names).cast(pa.string())
    return pa.array(getattr(results, name), from_pandas=True)


def _write(path: Path, template: str, context: Mapping[str, Any]) -> None:
    path.write_text(render_to_string(template, dict(context)), encoding="utf-8")
