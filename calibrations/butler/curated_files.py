"""Curated calibrations as the observatory keeps them: ECSV files in folders.

``crosstalk/r22_s11/19700101T000000.ecsv``: type, detector, and the beginning of its
validity, which ends where the detector's next file begins. Nothing of the middleware is
used here.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from calibrations.butler.raw_files import BadFile
from calibrations.domain.cameras import Camera, Detector
from calibrations.imaging.crosstalk import CrosstalkMatrix
from calibrations.imaging.defects import DefectBoxes
from taxicab.errors import InputError, TaxicabError

__all__ = ["CURATED_TYPES", "CuratedFile", "camera_table", "read_curated"]

CURATED_TYPES = ("crosstalk", "manual_defects", "defects")

BEGIN = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)")


class CuratedFileError(InputError):
    """A curated calibration is not what it should be."""

    error = "bad_curated_file"


@dataclass(frozen=True)
class CuratedFile:
    """A calibration of one detector and its validity."""

    path: Path
    dataset_type: str
    detector: int
    label: str
    """The beginning as the file's name spells it, such as 19700101T000000."""

    begin_tai: str
    """ISO-8601."""

    end_tai: str | None
    """Beginning of the detector's next file; None where there is none."""

    table: Table


def read_curated(
    folder: str | Path, camera: Camera
) -> tuple[list[CuratedFile], list[BadFile], list[str]]:
    """Read every curated calibration of a camera.

    Parameters
    ----------
    folder
        A camera's folder, with folders of types in it, or the folder of one type.
    camera
        Whose detectors these are.

    Returns
    -------
    tuple
        Calibrations in order of type, detector and time; files that were left out; and
        the types in the folder that have no use here.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise CuratedFileError(f"There is no folder {folder}.")
    if folder.name in CURATED_TYPES:
        types, others = [folder], []
    else:
        inside = sorted(path for path in folder.iterdir() if path.is_dir())
        types = [path for path in inside if path.name in CURATED_TYPES]
        others = [path.name for path in inside if path.name not in CURATED_TYPES]
    if not types:
        raise CuratedFileError(
            f"{folder} holds none of {', '.join(CURATED_TYPES)}; it holds "
            f"{', '.join(others) or 'no folder'}."
        )
    good: list[CuratedFile] = []
    bad: list[BadFile] = []
    for place in types:
        for detector_folder in sorted(
            path for path in place.iterdir() if path.is_dir()
        ):
            for found in _read_detector(place.name, detector_folder, camera):
                (bad if isinstance(found, BadFile) else good).append(found)  # type: ignore[arg-type]
    return good, bad, others


def _read_detector(
    dataset_type: str, folder: Path, camera: Camera
) -> Iterator[CuratedFile | BadFile]:
    """Read one detector's files; a file that is bad still ends the one before it."""
    files = sorted(folder.glob("*.ecsv"))
    begins = {path: BEGIN.fullmatch(path.stem) for path in files}
    named = [path for path in files if begins[path]]
    ends = dict(zip(named, [*named[1:], None], strict=True)) if named else {}
    for path in files:
        try:
            if path not in ends:
                raise CuratedFileError(
                    f"{path} is not named after the beginning of its validity, such as "
                    f"19700101T000000.ecsv."
                )
            following = ends[path]
            yield CuratedFile(
                path=path,
                dataset_type=dataset_type,
                detector=_find_detector(folder.name, path, camera).id,
                label=path.stem,
                begin_tai=_spell(path.stem),
                end_tai=None if following is None else _spell(following.stem),
                table=_read_file(dataset_type, path, folder.name, camera),
            )
        except TaxicabError as e:
            yield BadFile(str(path), str(e))
        except Exception as e:
            # Whatever a broken file makes the reader raise, it is this file's alone.
            yield BadFile(str(path), f"{path} cannot be read: {type(e).__name__}: {e}")


def _spell(label: str) -> str:
    year, month, day, hour, minute, second = BEGIN.fullmatch(label).groups()  # type: ignore[union-attr]
    return f"{year}-{month}-{day}T{hour}:{minute}:{second}"


def _find_detector(name: str, path: Path, camera: Camera) -> Detector:
    for detector in camera.detectors:
        if detector.name.lower() == name.lower():
            return detector
    raise CuratedFileError(f"{path}: {camera.name} has no detector {name}.")


def _read_file(dataset_type: str, path: Path, name: str, camera: Camera) -> Table:
    detector = _find_detector(name, path, camera)
    given = Table.read(path, format="ascii.ecsv")
    said = given.meta.get("DETECTOR")
    if said is not None and int(said) != detector.id:
        raise CuratedFileError(
            f"{path} is of detector {said} by its content, and of {detector.id} "
            f"({detector.name}) by its folder."
        )
    read = _read_crosstalk if dataset_type == "crosstalk" else _read_defects
    table = read(path, given, detector)
    table.meta |= {
        "OBSTYPE": dataset_type,
        "DETECTOR": detector.id,
        "DET_NAME": detector.name,
        "SOURCE_FILE": "/".join(path.parts[-3:]),
        "SOURCE_SHA256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    for key in ("CALIBDATE", "CALIB_CREATION_DATE", "DET_SER"):
        if given.meta.get(key):
            table.meta[key] = str(given.meta[key])
    return table


def _read_defects(path: Path, given: Table, detector: Detector) -> Table:
    """Read boxes; each must lie on the detector."""
    names = ("x0", "y0", "width", "height")
    if missing := [name for name in names if name not in given.colnames]:
        raise CuratedFileError(f"{path} has no column {', '.join(missing)}.")
    boxes = DefectBoxes(*(np.asarray(given[n], dtype=np.int64) for n in names))
    ny, nx = detector.shape
    outside = (boxes.x0 < 0) | (boxes.y0 < 0) | (boxes.width < 1) | (boxes.height < 1)
    outside |= (boxes.x0 >= nx) | (boxes.y0 >= ny)
    if outside.any():
        i = int(np.flatnonzero(outside)[0])
        raise CuratedFileError(
            f"{path}: box {i + 1} (x {boxes.x0[i]}, y {boxes.y0[i]}, "
            f"{boxes.width[i]} x {boxes.height[i]}) is not on {detector.name} of "
            f"{nx} x {ny} pixels."
        )
    return boxes.to_table()


def _read_crosstalk(path: Path, given: Table, detector: Detector) -> Table:
    """Read a matrix: one row whose vectors are [source, target] line by line.

    Coefficients between ADU are turned into coefficients between electrons with the
    gains of the fit, or where the file has none with the camera model's.
    """
    if len(given) != 1:
        raise CuratedFileError(f"{path} has {len(given)} rows; one was expected.")
    amplifiers = tuple(detector.amplifiers)
    n = len(amplifiers)

    def matrix(name: str, kind: Any = float) -> np.ndarray:
        if name not in given.colnames:
            return np.zeros((n, n), dtype=kind)
        values = np.asarray(given[name]).ravel()
        if values.size != n * n:
            raise CuratedFileError(
                f"{path}: {name} has {values.size} values; {detector.name} has "
                f"{n} x {n} pairs of amplifiers."
            )
        return values.reshape(n, n).astype(kind)

    if "CT_COEFFS" not in given.colnames:
        raise CuratedFileError(f"{path} has no column CT_COEFFS.")
    coeffs, squared = matrix("CT_COEFFS"), matrix("CT_COEFFS_SQR")
    errors, squared_errors = matrix("CT_ERRORS"), matrix("CT_ERRORS_SQR")
    units = str(given.meta.get("CROSSTALK_RATIOS_UNITS", "adu"))
    if units == "adu":
        gains = _fit_gains(given, n)
        if gains is None:
            gains = np.array([amp.gain for amp in detector.amplifiers.values()])
        ratio = gains[np.newaxis, :] / gains[:, np.newaxis]
        coeffs, errors = coeffs * ratio, errors * ratio
        per_electron = ratio / gains[:, np.newaxis]
        squared, squared_errors = squared * per_electron, squared_errors * per_electron
    valid = np.isfinite(coeffs) & (coeffs != 0)
    if "CT_VALID" in given.colnames:
        valid &= matrix("CT_VALID", bool)
    made = CrosstalkMatrix.from_coefficients(
        amplifiers, coeffs, squared=squared, errors=errors, valid=valid
    )
    made = replace(
        made,
        squared_errors=squared_errors,
        counts=matrix("CT_COUNTS", np.int64),
        meta={"UNITS_OF_FILE": units},
    )
    return made.to_table()


def _fit_gains(given: Table, n: int) -> np.ndarray | None:
    if "CT_FIT_GAINS" not in given.colnames:
        return None
    gains = np.asarray(given["CT_FIT_GAINS"], dtype=float).ravel()
    usable = gains.size == n and np.isfinite(gains).all() and (gains > 0).all()
    return gains if usable else None


def camera_table(camera: Camera) -> Table:
    """Describe a camera: one row for each amplifier, in the order of files."""
    rows = [
        {
            "DETECTOR": detector.id,
            "DETECTOR_NAME": detector.name,
            "DETECTOR_SERIAL": detector.serial,
            "CHIP": detector.chip,
            "PURPOSE": detector.purpose.value,
            "CENTRE_X": detector.centre_mm[0],
            "CENTRE_Y": detector.centre_mm[1],
            "CENTRE_Z": detector.z_mm,
            "YAW": detector.yaw_deg,
            "AMPLIFIER_NAME": name,
            "GAIN": amplifier.gain,
            "READ_NOISE": amplifier.read_noise_e,
            "SATURATION": amplifier.saturation_adu,
        }
        for detector in camera.detectors
        for name, amplifier in detector.amplifiers.items()
    ]
    units: Mapping[str, str] = {
        **dict.fromkeys(("CENTRE_X", "CENTRE_Y", "CENTRE_Z"), "mm"),
        "YAW": "deg",
        "GAIN": "electron / adu",
        "READ_NOISE": "electron",
        "SATURATION": "adu",
    }
    table = Table(rows=rows, units=units)
    lines = "\n".join(map(str, rows))
    table.meta |= {
        "kind": "camera",
        "version": 1,
        "INSTRUME": camera.name,
        "SOURCE_SHA256": hashlib.sha256(lines.encode()).hexdigest(),
    }
    return table
