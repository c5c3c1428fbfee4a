"""Figures of a report, made when they are asked for and kept by their content.

A figure's name is the hash of everything it is drawn from: the sealed parts, the place
and the version of the drawing. It is made once, by whoever looks first.
"""

import csv
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO, StringIO
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import matplotlib as mpl
import pyarrow as pa
import pyarrow.parquet as pq
from django.conf import settings

from calibrations.domain.cameras import camera
from reports.models import VerificationReport
from reports.plots.figures import save_png
from reports.services.curves import curve_columns
from reports.services.figure_crosstalk import CROSSTALK_FIGURES
from reports.services.figure_curves import CURVE_FIGURES
from reports.services.figure_kinds import Data, FigureKind, Place
from reports.services.figure_profiles import PROFILE_FIGURES
from reports.services.figure_tests import TEST_FIGURES
from reports.services.findings import worst_place
from reports.services.history import earlier_reports
from reports.services.profiles import profile_vectors
from reports.services.values import read_index
from taxicab.errors import NotFoundError

__all__ = ["FORMS", "FigureEntry", "figure_file", "list_figures", "read_place"]

DRAWING_VERSION = 5
"""Raise it when a drawing changes: what was kept is then drawn anew."""

FORMS = {
    "png": "image/png",
    "svg": "image/svg+xml",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}


@dataclass(frozen=True)
class FigureEntry:
    """A figure that a report can show."""

    part: str
    key: str
    title: str
    look_for: str
    of: str


def list_figures(report: VerificationReport, part: str) -> list[FigureEntry]:
    """List the figures of a part: of its calibration, its exposures, then its tests."""
    stage = _stage(report, part)
    there = curve_columns(report, part) | profile_vectors(report, part)
    entries = [
        FigureEntry(part, kind.key, _capital(kind.title), kind.look_for, kind.of)
        for kind in _place_figures(stage)
        if set(kind.needs) <= there
    ]
    if not stage["counts"]["results"]:
        return entries
    has_earlier = bool(earlier_reports(report))
    for about in read_index(report, part).tests:
        for kind in TEST_FIGURES:
            if kind.key == "exposures" and len(about["exposures"]) < 2:
                continue
            if kind.key == "reports" and not has_earlier:
                continue
            level, test = about["level"], about["test"]
            key, title = f"{kind.key}.{level}.{test}", f"{test}, {kind.title}"
            entries.append(FigureEntry(part, key, title, kind.look_for, kind.of))
    return entries


def read_place(report: VerificationReport, part: str, text: str) -> Place:
    """Read ``R22_S11.C05``; empty is the amplifier that is worst in the part.

    Raises
    ------
    NotFoundError
        Raised if the camera has no such detector or amplifier.
    """
    if not text:
        return worst_place(report, part)
    name, _, amplifier = text.partition(".")
    detector = camera(report.ticket.instrument_id).detector(name)
    amplifier = amplifier or next(iter(detector.amplifiers))
    if amplifier not in detector.amplifiers:
        raise NotFoundError(
            f"{name} has no amplifier {amplifier!r}: it has "
            f"{', '.join(detector.amplifiers)}."
        )
    return detector.id, amplifier


def figure_file(
    report: VerificationReport, part: str, key: str, place: Place, form: str
) -> Path:
    """Find a figure or the data behind it; make it if nobody asked before.

    Raises
    ------
    NotFoundError
        Raised for a figure or a form that there is not.
    """
    if form not in FORMS:
        raise NotFoundError(f"A figure comes as {', '.join(FORMS)}, not {form!r}.")
    if key not in {entry.key for entry in list_figures(report, part)}:
        raise NotFoundError(f"{report} has no figure {key!r} of {part}.")
    path = _path(report, part, key, place, form)
    if not path.is_file():
        _keep(path, _make(report, part, key, place, form))
    return path


def _make(
    report: VerificationReport, part: str, key: str, place: Place, form: str
) -> bytes:
    data = _data(report, part, key, place)
    if form == "csv":
        return _as_csv(data)
    if form == "parquet":
        return _as_parquet(data)
    target = BytesIO()
    if form == "png":
        save_png(data.draw(), target)
    else:
        # Ids of its parts come from a salt, not from chance; text stays text.
        with mpl.rc_context({"svg.hashsalt": "taxicab", "svg.fonttype": "none"}):
            data.draw().savefig(target, format="svg", metadata={"Date": None})
    return target.getvalue()


def _data(report: VerificationReport, part: str, key: str, place: Place) -> Data:
    name, _, rest = key.partition(".")
    if rest:
        level, _, test = rest.partition(".")
        return _kind(TEST_FIGURES, name).make(report, part, level, test)
    return _kind(_place_figures(_stage(report, part)), name).make(report, part, place)


def _place_figures(stage: Mapping[str, Any]) -> tuple[FigureKind, ...]:
    """Give the kinds of figures that show one place, or all, of a type."""
    own = {**CURVE_FIGURES, **CROSSTALK_FIGURES}
    return *own.get(stage["calib_type"], ()), *PROFILE_FIGURES


def _kind(kinds: tuple[FigureKind, ...], key: str) -> FigureKind:
    return next(kind for kind in kinds if kind.key == key)


def _stage(report: VerificationReport, part: str) -> Mapping[str, Any]:
    for stage in report.summary.get("stages", ()):
        if stage["key"] == part:
            found: Mapping[str, Any] = stage
            return found
    raise NotFoundError(f"{report} has nothing of {part!r}.")


def _path(
    report: VerificationReport, part: str, key: str, place: Place, form: str
) -> Path:
    words = [DRAWING_VERSION, mpl.__version__, report.sha256, part, key, *place]
    if key.startswith("reports."):
        words += [one.sha256 for one in earlier_reports(report)]
    name = hashlib.sha256(json.dumps(words).encode()).hexdigest()
    return Path(settings.WORK_ROOT) / "figures" / name[:2] / f"{name}.{form}"


def _keep(path: Path, content: bytes) -> None:
    """Write a file so that nobody ever reads half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(content)
    os.replace(file.name, path)


def _as_csv(data: Data) -> bytes:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(data.columns)
    writer.writerows(zip(*(c.tolist() for c in data.columns.values()), strict=True))
    return text.getvalue().encode()


def _as_parquet(data: Data) -> bytes:
    columns = {name: pa.array(array.tolist()) for name, array in data.columns.items()}
    target = BytesIO()
    pq.write_table(pa.table(columns), target, compression="zstd")
    return target.getvalue()


def _capital(title: str) -> str:
    return title[:1].upper() + title[1:]
