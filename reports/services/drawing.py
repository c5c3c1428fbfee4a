"""Drawing a stage's figures into the folder of its part."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from calibrations.domain.cameras import CAMERAS
from reports.domain.results import Result, show_number, show_unit
from reports.domain.verdicts import find_worst
from reports.plots.figures import save_png
from reports.plots.focal_plane import (
    Cell,
    Outline,
    plot_metric_plane,
    plot_verdict_plane,
)
from reports.plots.images import Stretch, find_stretch, plot_detector
from reports.services.amplifiers import (
    find_amplifier_verdicts,
    find_detector_verdicts,
    median_values,
    worst_margins,
)
from reports.services.columns import Results
from reports.services.gathering import StageEvidence
from reports.services.images import Picture, read_picture

__all__ = ["draw_detectors", "draw_planes"]

DIVERGING = "RdBu_r"
NOT_A_MAP = {"PROCESSING"}
"""Tests whose value is yes or no: the verdict map shows them."""

WORST = (
    "How far the worst exposure of each amplifier is beyond the limit, below 0 within "
    "it: what one night shows and the median hides."
)

Progress = Callable[[], None]


def draw_planes(stage: StageEvidence, instrument: str, folder: Path) -> list[dict]:
    """Draw the verdicts, and each numeric test, amplifier by amplifier.

    Returns
    -------
    list of dict
        ``title``, ``test`` (empty for the verdicts), ``caption`` and ``file``; empty
        where the camera's geometry is not described or nothing was measured.
    """
    camera = CAMERAS.get(instrument)
    if camera is None or not len(stage.columns):
        return []
    cells, outlines = _geometry(instrument)
    label = stage.plan.label
    verdicts = find_amplifier_verdicts(stage.columns, notes=stage.notes)
    of = "amplifier"
    if not verdicts:  # of crosstalk only whole detectors are judged
        whole = find_detector_verdicts(stage.columns, notes=stage.notes)
        verdicts = {c.place: whole[c.place[0]] for c in cells if c.place[0] in whole}
        of = "detector"
    drawing = plot_verdict_plane(
        cells, outlines, verdicts, title=f"{label}: verdict of each {of}"
    )
    over = ", over all exposures" if stage.exposures else ""
    drawn = [_keep_plane(drawing, folder, "", f"All tests that decide{over}.")]
    for test, results in _numeric_tests(stage).items():
        drawn.append(_draw_metric(stage, test, results, cells, outlines, folder))
        has_exposures = bool(results.exposure.any())
        has_failed = not results.passed.all()
        if has_exposures and has_failed and (margins := worst_margins(results)):
            title = f"{test}, worst exposure"
            drawing = _plot_worst(label, title, results, margins, cells, outlines)
            drawn.append(_keep_plane(drawing, folder, title, WORST))
    return drawn


def draw_detectors(
    stage: StageEvidence, instrument: str, folder: Path, *, tick: Progress
) -> dict[str, Any]:
    """Draw the combined image and the residuals of each detector.

    All combined images share one stretch, all residuals another, so that detectors
    can be compared by eye.

    Returns
    -------
    dict
        ``detectors``, a list with ``detector``, ``name``, ``combined`` and
        ``residuals``; ``combined_range`` and ``residual_range`` in words.
    """
    names = stage.detector_names(instrument)
    if not stage.combined and not stage.residuals:
        return {"detectors": [], "combined_range": "", "residual_range": ""}
    rows: dict[int, dict[str, Any]] = {
        d: {"detector": d, "name": name, "combined": "", "residuals": []}
        for d, name in names.items()
    }
    combined = {d: read_picture(path) for d, path in sorted(stage.combined.items())}
    stretch = find_stretch([p.pixels for p in combined.values()]) if combined else None
    for detector, picture in combined.items():
        name = f"images/{_slug(names[detector])}-combined.png"
        title = f"{names[detector]}  {stage.plan.label}, combined"
        _draw(picture, folder / name, stretch=stretch, title=title)
        rows[detector]["combined"] = name
        tick()
    residual_range = _draw_residuals(stage, names, rows, folder, tick)
    return {
        "detectors": list(rows.values()),
        "combined_range": _range(stretch, next(iter(combined.values()), None)),
        "residual_range": residual_range,
    }


@dataclass(frozen=True)
class _Wanted:
    detector: int
    exposure: int
    why: str


def _draw_residuals(
    stage: StageEvidence,
    names: Mapping[int, str],
    rows: Mapping[int, dict[str, Any]],
    folder: Path,
    tick: Progress,
) -> str:
    wanted = _choose_residuals(stage)
    pictures = {w: _residual(stage, w) for w in wanted}
    # The latest exposure sets the stretch: a bad one must not wash out the others.
    latest = [p.pixels for w, p in pictures.items() if w.why == "latest exposure"]
    stretch = find_stretch(latest, centre=0.0) if latest else None
    for one, picture in pictures.items():
        slug = _slug(names[one.detector])
        name = f"images/{slug}-residual-{one.exposure}.png"
        title = f"{names[one.detector]}  residual of {one.exposure}"
        _draw(picture, folder / name, stretch=stretch, title=title, colours=DIVERGING)
        rows[one.detector]["residuals"].append(
            {"exposure": one.exposure, "why": one.why, "file": name}
        )
        tick()
    return _range(stretch, next(iter(pictures.values()), None))


def _choose_residuals(stage: StageEvidence) -> list[_Wanted]:
    """Choose the latest exposure of each detector, and its worst if it failed."""
    wanted = []
    failures = list(stage.columns.failed)
    for detector in sorted({d for d, _ in stage.residuals}):
        exposures = {e for d, e in stage.residuals if d == detector}
        latest = max(exposures)
        wanted.append(_Wanted(detector, latest, "latest exposure"))
        failed = [
            result
            for result in failures
            if result.detector == detector and not _is_advisory(stage, result)
        ]
        worst = find_worst(failed)
        if worst and worst.exposure in exposures - {latest}:
            wanted.append(_Wanted(detector, worst.exposure, "worst failure"))
    return wanted


def _residual(stage: StageEvidence, wanted: _Wanted) -> Picture:
    """Read a residual; that of a flat as a fraction of its own median."""
    picture = read_picture(stage.residuals[(wanted.detector, wanted.exposure)])
    if stage.plan.calib_type != "flat":
        return picture
    median = float(np.nanmedian(picture.pixels))
    relative = picture.pixels / median - 1 if median > 0 else picture.pixels * np.nan
    return replace(picture, pixels=relative, unit="fraction of the median")


def _draw(
    picture: Picture,
    path: Path,
    *,
    stretch: Stretch | None,
    title: str,
    colours: str = "cividis",
) -> None:
    path.parent.mkdir(exist_ok=True)
    figure = plot_detector(
        picture.pixels,
        stretch=stretch or find_stretch([picture.pixels]),
        title=title,
        label=_bar_label(picture.unit),
        shape=picture.shape,
        colours=colours,
    )
    save_png(figure, path)


def _draw_metric(
    stage: StageEvidence,
    test: str,
    results: Results,
    cells: list[Cell],
    outlines: list[Outline],
    folder: Path,
) -> dict[str, Any]:
    first = results[0]
    unit, statistic = show_unit(first.unit), first.statistic
    drawing = plot_metric_plane(
        cells,
        outlines,
        median_values(results),
        failing=_failing(results),
        title=f"{stage.plan.label}: {test}",
        label=f"{statistic} ({unit})" if unit else statistic,
    )
    exposures = len(set(results.exposure.tolist()) - {0})
    if exposures:
        caption = f"Median of {statistic} over {exposures} exposures; framed: failed "
        caption += "on at least one."
    else:
        caption = f"{statistic} of the calibration itself; framed: failed."
    caption += " The colours span the 2nd to 98th percentile."
    return _keep_plane(drawing, folder, test, caption)


def _plot_worst(
    label: str,
    title: str,
    results: Results,
    margins: Mapping[tuple[int, str], float],
    cells: list[Cell],
    outlines: list[Outline],
) -> str:
    """Draw how far each amplifier goes on its worst exposure."""
    return plot_metric_plane(
        cells,
        outlines,
        {place: 100 * margin for place, margin in margins.items()},
        failing=_failing(results),
        title=f"{label}: {title}",
        label="beyond the limit (% of the limit)",
    )


def _keep_plane(drawing: str, folder: Path, test: str, caption: str) -> dict[str, Any]:
    name = f"planes/{_slug(test or 'verdict')}.svg"
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(drawing, encoding="utf-8")
    return {"title": test or "Verdict", "test": test, "caption": caption, "file": name}


def _numeric_tests(stage: StageEvidence) -> dict[str, Results]:
    """Group what was measured of amplifiers by test, in the order of the criteria."""
    grouped = stage.columns.by_test
    order = dict.fromkeys(key for key in (*stage.notes, *grouped) if key[0] == "AMP")
    return {
        key[1]: grouped[key]
        for key in order
        if key[1] not in NOT_A_MAP and key in grouped and grouped[key].is_measured.any()
    }


def _failing(results: Results) -> set[tuple[int, str]]:
    failed = results.failed
    return {failed.name_place(place) for place in np.unique(failed.places)}


def _is_advisory(stage: StageEvidence, result: Result) -> bool:
    note = stage.notes.get((result.level, result.test))
    return bool(note and note.is_advisory)


@cache
def _geometry(instrument: str) -> tuple[list[Cell], list[Outline]]:
    cells: list[Cell] = []
    outlines: list[Outline] = []
    for detector in CAMERAS[instrument].detectors:
        x0, y0, x1, y1 = detector.box
        outlines.append(Outline(detector.name, x0, y0, x1, y1))
        cells.extend(
            Cell((detector.id, name), *box)
            for name, box in detector.focal_boxes().items()
        )
    return cells, outlines


def _range(stretch: Stretch | None, picture: Picture | None) -> str:
    if stretch is None or picture is None:
        return ""
    high = show_number(stretch.high, picture.unit)
    return f"{show_number(stretch.low)} to {high}"


def _bar_label(unit: str) -> str:
    shown = show_unit(unit)
    return f"level ({shown})" if shown else "level (relative)"


def _slug(name: str) -> str:
    return name.lower().replace(" ", "-")
