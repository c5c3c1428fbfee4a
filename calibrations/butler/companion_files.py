"""Files that accompany exposures: photodiode readings and shutter profiles.

Each says by its content or its name to which exposure it belongs. Nothing of the
middleware is used here.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.table import Table

from calibrations.butler.raw_conventions import PREFIXES, ObservationName
from calibrations.imaging.errors import ImageError
from calibrations.imaging.photodiode import PhotodiodeReadings
from taxicab.errors import InputError

__all__ = [
    "COMPANION_NAMES",
    "Companion",
    "CompanionFileError",
    "read_companion",
]

COMPANION_NAMES = re.compile(
    r"^Photodiode_Readings.*\.txt$|_photodiode\.ecsv$|^(Electrometer|EM).*\.fits$"
    r"|shutterMotionProfile(Open|Close)\.json$"
)
"""What they are called in folders that may hold raws as well."""

PHOTODIODE = "photodiode"
SHUTTER = {
    True: "shutterMotionProfileOpen",
    False: "shutterMotionProfileClose",
}

TWO_COLUMNS = re.compile(r"Photodiode_Readings_(\d{8})_(\d+)\.txt")
ELECTROMETERS = {
    "Electrometer_index_201": "LATISS",
    "Electrometer_index_101": "LSSTCam",
    "Electrometer_index_102": "LSSTCam",
    "Electrometer_index_103": "LSSTCam",
}
"""The camera whose light each of them measures."""


class CompanionFileError(InputError):
    """A companion of an exposure is not what it should be."""

    error = "bad_companion_file"


@dataclass(frozen=True)
class Companion:
    """A file's content, and the exposure it belongs to by one of three ways."""

    path: Path
    dataset_type: str
    table: Table
    instrument: str | None = None
    """None where the file does not say."""

    group: str | None = None
    obs_id: str | None = None
    day_obs: int | None = None
    seq_num: int | None = None

    @property
    def whose(self) -> str:
        """The exposure, in words."""
        if self.group is not None:
            return f"group {self.group}"
        if self.obs_id is not None:
            return f"observation {self.obs_id}"
        return f"day {self.day_obs}, sequence number {self.seq_num}"


def read_companion(path: str | Path) -> Companion:
    """Read a photodiode's readings or a shutter's profile.

    Raises
    ------
    CompanionFileError
        If the file is of no known kind, broken, or does not say whose it is.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
        if path.suffix == ".json":
            companion = _read_shutter(path, content)
        elif path.suffix == ".fits":
            companion = _read_electrometer(path)
        elif path.suffix == ".ecsv":
            companion = _read_table(path)
        else:
            companion = _read_two_columns(path)
    except CompanionFileError:
        raise
    except ImageError as e:
        raise CompanionFileError(f"{path}: {e}") from e
    except (OSError, ValueError, KeyError, TypeError, IndexError) as e:
        what = f"{e.args[0]!r} is missing" if isinstance(e, KeyError) else str(e)
        raise CompanionFileError(f"{path} cannot be read: {what}") from e
    companion.table.meta |= {
        "SOURCE_FILE": path.name,
        "SOURCE_SHA256": hashlib.sha256(content).hexdigest(),
    }
    return companion


def _read_two_columns(path: Path) -> Companion:
    """Read times and currents; the name says which exposure they are of."""
    name = TWO_COLUMNS.fullmatch(path.name)
    if name is None:
        raise CompanionFileError(
            f"{path} is no companion of an exposure: a name such as "
            f"Photodiode_Readings_20211212_000310.txt was expected."
        )
    values = np.loadtxt(path, ndmin=2)
    if values.shape[1] != 2:
        raise CompanionFileError(
            f"{path} has {values.shape[1]} columns; time and current were expected."
        )
    day_obs, seq_num = int(name.group(1)), int(name.group(2))
    meta = {"DAY_OBS": day_obs, "SEQ_NUM": seq_num}
    table = PhotodiodeReadings(values[:, 0], values[:, 1], meta).to_table()
    return Companion(path, PHOTODIODE, table, day_obs=day_obs, seq_num=seq_num)


def _read_table(path: Path) -> Companion:
    """Read a photodiode's table, which names the observation."""
    given = Table.read(path, format="ascii.ecsv")
    meta = dict(given.meta)
    obs_id = meta.get("obsId") or meta.get("OBS_ID")
    if not obs_id:
        raise CompanionFileError(f"{path} does not name its observation (obsId).")
    # Upstream keeps one row with vectors in it.
    time_s, current_a = (np.ravel(given[name]) for name in ("TIME", "CURRENT"))
    readings = PhotodiodeReadings(time_s, current_a, {"OBS_ID": str(obs_id)})
    return Companion(
        path,
        PHOTODIODE,
        readings.to_table(),
        instrument=_instrument(meta.get("INSTRUME"), obs_id),
        obs_id=str(obs_id),
    )


def _read_electrometer(path: Path) -> Companion:
    """Read an electrometer's file, which names the group of its exposure."""
    with fits.open(path, memmap=False) as hdus:
        tables = [
            hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU) and hdu.columns
        ]
        if not tables:
            raise CompanionFileError(f"{path} holds no table of readings.")
        header = {**hdus[0].header, **tables[0].header}
        data = tables[0].data
        names = set(data.names)
        # RNUM is in seconds where "Elapsed Time" counts samples.
        times = [n for n in ("RNUM", "Elapsed Time", "TIME") if n in names]
        currents = [n for n in ("Signal", "CURRENT") if n in names]
        if not (times and currents):
            raise CompanionFileError(
                f"{path} has columns {', '.join(data.names)}; RNUM and Signal were "
                f"expected."
            )
        time_s = np.asarray(data[times[0]], dtype=float)
        current_a = np.asarray(data[currents[0]], dtype=float)
    group = str(header.get("GROUPID") or "")
    first, _, last = group.partition("#")
    if not (first and last):
        raise CompanionFileError(
            f"{path}: GROUPID is {group!r}; such as 2025-06-10T07:31:26.692#1 was "
            f"expected."
        )
    device = str(header.get("INSTRUME") or "")
    meta = {"GROUPID": group, "ELECTROMETER": device}
    table = PhotodiodeReadings(time_s, current_a, meta).to_table()
    return Companion(
        path,
        PHOTODIODE,
        table,
        instrument=ELECTROMETERS.get(device),
        group=group,
    )


def _read_shutter(path: Path, content: bytes) -> Companion:
    """Read a shutter's profile: where its blade was, by encoder and Hall sensors."""
    given = json.loads(content)
    if not isinstance(given, dict) or given.get("fileType") != "shutterMotionProfile":
        raise CompanionFileError(f"{path} is no shutterMotionProfile.")
    profile = given["motionProfile"]
    begin_tai, begin_mjd = _moment(profile["startTime"])
    rows = [
        (
            sensor,
            (_moment(sample.get("time", sample))[1] - begin_mjd) * 86400.0,
            float(sample["position"]),
            int(sample.get("sensorId", -1)),
            bool(sample.get("isOn", False)),
        )
        for sensor, samples in (
            ("encoder", profile["encodeSamples"]),
            ("hall", profile["hallTransitions"]),
        )
        for sample in samples
    ]
    if not rows:
        raise CompanionFileError(f"{path} has no sample of the shutter's motion.")
    names = ("SENSOR", "TIME", "POSITION", "SENSOR_ID", "IS_ON")
    table = Table(rows=rows, names=names, units={"TIME": u.s, "POSITION": u.mm})
    table.meta |= {
        "kind": "shutterMotionProfile",
        "version": 1,
        "OBS_ID": str(given["obsId"]),
        "START_TAI": begin_tai,
        "START_MJD": begin_mjd,
        "FITS": profile.get("fitResults", {}),
        **{
            key: profile[key]
            for key in (
                "startPosition",
                "targetPosition",
                "endPosition",
                "targetDuration",
                "actionDuration",
                "side",
                "isOpen",
            )
            if key in profile
        },
    }
    obs_id = str(given["obsId"])
    return Companion(
        path,
        SHUTTER[bool(profile["isOpen"])],
        table,
        instrument=_instrument(None, obs_id),
        obs_id=obs_id,
    )


def _moment(given: Mapping[str, Any]) -> tuple[str, float]:
    """Read a time of either version: ``{tai, mjd}`` or ``{tai: {isot, mjd}}``."""
    tai = given["tai"]
    if isinstance(tai, Mapping):
        return str(tai["isot"]), float(tai["mjd"])
    return str(tai), float(given["mjd"])


def _instrument(given: object, obs_id: object) -> str | None:
    """Give the camera that a file names, or that its observation is of."""
    if str(given) in ELECTROMETERS:
        return ELECTROMETERS[str(given)]
    name = ObservationName.find(obs_id)
    return PREFIXES.get(name.code) if name is not None else None
