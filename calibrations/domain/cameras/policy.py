"""A camera as the observatory's own files describe it.

Plain Python, of values that were read from obs_lsst's ``policy`` folder:
``cameraHeader.yaml`` (kinds of CCD and raft), ``rafts.yaml`` (places) and one file for
each raft (serial numbers, gains, read noises, saturations).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from calibrations.domain.cameras.lsstcam import turn
from calibrations.domain.cameras.model import (
    AmplifierModel,
    Camera,
    Detector,
    FocalBox,
    Purpose,
    SegmentLayout,
)
from taxicab.errors import InputError

__all__ = ["CameraPolicyError", "make_camera"]

CODES = {"LSSTCam": "MC", "LATISS": "AT", "LSSTCamSim": "MC"}
SATURATIONS_ADU = {"LATISS": 120000.0}
"""Where obs_lsst's configuration of the instrument signature removal puts another level
in place of the kind of CCD's."""

PURPOSES = {0: Purpose.SCIENCE, 2: Purpose.GUIDER, 3: Purpose.WAVEFRONT}


class CameraPolicyError(InputError):
    """A camera's description is not complete or contradicts itself."""

    error = "bad_camera_policy"


def make_camera(
    name: str,
    header: Mapping[str, Any],
    rafts: Mapping[str, Any],
    contents: Mapping[str, Mapping[str, Any]],
) -> Camera:
    """Build a camera.

    Parameters
    ----------
    name
        The instrument's name in the Butler.
    header
        What ``cameraHeader.yaml`` holds.
    rafts
        What ``rafts.yaml`` holds under ``rafts``, by raft.
    contents
        What each raft's own file holds under the raft's name; a raft without one is
        not in the camera.

    Raises
    ------
    CameraPolicyError
        For a key that is missing, naming raft and key, and for an id or name that two
        detectors have.
    """
    detectors: list[Detector] = []
    for raft, content in contents.items():
        try:
            saturation = SATURATIONS_ADU.get(name)
            detectors.extend(_raft(raft, header, rafts[raft], content, saturation))
        except KeyError as e:
            raise CameraPolicyError(f"Raft {raft}: {e.args[0]} is missing.") from e
        except (TypeError, ValueError, AttributeError) as e:
            raise CameraPolicyError(f"Raft {raft}: {e}") from e
    detectors.sort(key=lambda detector: detector.id)
    for what in ("id", "name"):
        found = [getattr(detector, what) for detector in detectors]
        if twice := sorted({str(value) for value in found if found.count(value) > 1}):
            raise CameraPolicyError(f"Two detectors have {what} {', '.join(twice)}.")
    if not detectors:
        raise CameraPolicyError(f"No raft of {name} is described.")
    return Camera(name, CODES.get(name, "CC"), tuple(detectors))


def _raft(
    raft: str,
    header: Mapping[str, Any],
    place: Mapping[str, Any],
    content: Mapping[str, Any],
    saturation_adu: float | None,
) -> Iterator[Detector]:
    """Build the detectors of one raft file.

    Corner rafts have two files: that of the wavefront chips ends in W, which is not
    part of the detectors' names.
    """
    kind = str(content["detectorType"])
    slots = header[f"RAFT_{kind}"]["ccds"]
    raft_yaw_deg = float(place.get("yaw", 0.0))
    for slot, serial in content["ccdSerials"].items():
        inside = content.get("geometryWithinRaft", {}).get(slot, {})
        x, y, z = (
            a + b
            for a, b in zip(
                _offset(slots[slot]["offset"]),
                _offset(inside.get("offset", ())),
                strict=True,
            )
        )
        x, y = turn(x, y, raft_yaw_deg)
        raft_x, raft_y, raft_z = _offset(place["offset"])
        yield _detector(
            header[f"CCD_{kind}"],
            content["amplifiers"][slot],
            saturation_adu=saturation_adu,
            number=int(place["id0"]) + int(slots[slot]["id"]),
            name=f"{raft.removesuffix('W')}_{slot}",
            serial=str(serial),
            chip=kind,
            purpose=PURPOSES.get(
                content.get("sensorTypes", {}).get(slot, 0), Purpose.SCIENCE
            ),
            centre_mm=(raft_x + x, raft_y + y),
            z_mm=raft_z + z,
            yaw_deg=(float(inside.get("yaw", 0.0)) + raft_yaw_deg) % 360,
        )


def _offset(values: Sequence[float]) -> tuple[float, float, float]:
    x, y, z, *_ = [float(value) for value in values] + [0.0, 0.0, 0.0]
    return x, y, z


def _detector(
    ccd: Mapping[str, Any],
    numbers: Mapping[str, Mapping[str, float]],
    *,
    number: int,
    saturation_adu: float | None,
    centre_mm: tuple[float, float],
    yaw_deg: float,
    chip: str,
    **values: Any,
) -> Detector:
    """Build a detector from its kind and its amplifiers' numbers."""
    (x0, y0), (x1, y1) = ccd["bbox"]
    nx, ny = x1 - x0 + 1, y1 - y0 + 1
    half_x, half_y = (
        n * float(mm) / 2 for n, mm in zip((nx, ny), ccd["pixelSize"], strict=True)
    )
    if round(yaw_deg / 90) % 2:
        half_x, half_y = half_y, half_x
    x, y = centre_mm
    amplifiers = ccd["amplifiers"]
    grid = [1 + max(amp["ixy"][axis] for amp in amplifiers.values()) for axis in (0, 1)]
    return Detector(
        id=number,
        vendor=chip.split("_")[0],
        chip=chip,
        box=FocalBox(x - half_x, y - half_y, x + half_x, y + half_y),
        shape=(ny, nx),
        amplifiers={
            name: _amplifier(name, amp, numbers[name], grid, saturation_adu)
            for name, amp in amplifiers.items()
        },
        layout=_layout(next(iter(amplifiers.values()))),
        yaw_deg=yaw_deg,
        **values,
    )


def _amplifier(
    name: str,
    kind: Mapping[str, Any],
    own: Mapping[str, float],
    grid: list[int],
    saturation_adu: float | None,
) -> AmplifierModel:
    (i, j), (n_columns, n_rows) = kind["ixy"], grid
    flip_x, flip_y = kind["flipXY"]
    return AmplifierModel(
        name,
        gain=float(own["gain"]),
        read_noise_e=float(own["readNoise"]),
        saturation_adu=float(
            own.get("saturation") or saturation_adu or kind["saturation"]
        ),
        fraction=(i / n_columns, j / n_rows, (i + 1) / n_columns, (j + 1) / n_rows),
        flip_x=bool(flip_x),
        flip_y=bool(flip_y),
    )


def _layout(amplifier: Mapping[str, Any]) -> SegmentLayout:
    (x0, _), (columns, rows) = amplifier["rawDataBBox"]
    _, (nx, ny) = amplifier["rawBBox"]
    return SegmentLayout(
        data_columns=columns,
        data_rows=rows,
        serial_prescan=x0,
        serial_overscan=nx - x0 - columns,
        parallel_overscan=ny - rows,
    )
