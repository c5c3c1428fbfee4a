"""Verification of one full-size exposure of one detector, middleware apart.

Run: ``.venv/bin/python -m benchmarks.verification``. The detector is LSSTComCam's
first, 4072 × 4000 pixels read by 16 amplifiers, with read noise, a level that drifts,
a few hundred cosmic rays and, for the flat, photon noise. Timed is what a quantum of
the pipeline does between its reading and its writing: signature removal, every
measurement, every test, the result tables and the binned picture. Seconds are those of
the process on all its processors. ``--profile`` shows where they go.
"""

import argparse
import cProfile
import pstats
import time
from types import SimpleNamespace
from uuid import uuid4

import numpy as np

from benchmarks.timing import median_seconds, print_rows
from calibrations.domain.cameras import Detector, camera
from calibrations.imaging.frames import Box, CcdImage, RawAmplifier, RawFrame
from calibrations.pipelines.processing import Calibrations
from calibrations.pipelines.verify import (
    VerifyBiasTask,
    VerifyDarkTask,
    VerifyFlatTask,
    VerifyTask,
)

REACH_S = 1.0
INSTRUMENT = "LSSTComCam"
LEVEL_ADU, FLAT_E, DARK_TIME_S = 20000.0, 30000.0, 30.0
N_COSMIC_RAYS = 400

TASKS: dict[str, tuple[type[VerifyTask], tuple[str, ...]]] = {
    "bias": (VerifyBiasTask, ("bias",)),
    "dark": (VerifyDarkTask, ("bias", "dark")),
    "flat": (VerifyFlatTask, ("bias", "dark", "flat")),
}


def make_raw(kind: str, detector: Detector, rng: np.random.Generator) -> RawFrame:
    """Make the counts of an exposure."""
    ny, nx = detector.shape
    amplifiers = {}
    boxes = detector.amplifier_boxes()
    for name, model in detector.amplifiers.items():
        layout, lit = detector.layout, detector.layout.data_box
        data = np.zeros(layout.raw_shape)
        signal = np.full((layout.data_rows, layout.data_columns), 0.0)
        if kind == "flat":
            signal = rng.normal(FLAT_E, FLAT_E**0.5, signal.shape)
        else:
            y = rng.integers(0, signal.shape[0], N_COSMIC_RAYS // 16)
            x = rng.integers(0, signal.shape[1] - 6, N_COSMIC_RAYS // 16)
            for i in range(6):
                signal[y, x + i] += 1500
        data[lit.y0 : lit.y1, lit.x0 : lit.x1] = signal / model.gain
        data += rng.normal(0, model.read_noise_e / model.gain, data.shape)
        data += LEVEL_ADU + np.linspace(0, 20, len(data))[:, np.newaxis]
        place = boxes[name]
        amplifiers[name] = RawAmplifier(
            name=name,
            data=np.rint(data).astype(np.int32),
            data_box=Box(*lit),
            serial_overscan=Box(lit.x1, 0, layout.raw_shape[1], lit.y1),
            parallel_overscan=Box(lit.x0, lit.y1, lit.x1, layout.raw_shape[0]),
            detector_box=Box(*place).turned_over(ny),
            flip_x=model.flip_x,
            flip_y=not model.flip_y,
        )
    header = {
        "DARKTIME": DARK_TIME_S,
        "EXPTIME": DARK_TIME_S,
        "DATE-BEG": "2026-11-24T10:00:00",
        "DATE-END": "2026-11-24T10:00:30",
    }
    return RawFrame(header, amplifiers, (ny, nx))


def make_calibrations(
    kinds: tuple[str, ...], shape: tuple[int, int], rng: np.random.Generator
) -> Calibrations:
    """Make calibrations with noise of their own."""
    levels = {"bias": (0.0, 1.0), "dark": (0.0, 0.05), "flat": (1.0, 0.002)}
    calibrations = Calibrations()
    for kind in kinds:
        level, noise = levels[kind]
        calibrations.images[kind] = CcdImage(
            rng.normal(level, noise, shape).astype(np.float32),
            np.zeros(shape, dtype=np.uint16),
            np.full(shape, noise**2, dtype=np.float32),
            {"NCOMBINE": 20},
        )
        # Diagnostics of a calibration are measured once for all its exposures.
        calibrations.refs[kind] = SimpleNamespace(id=uuid4(), run="benchmark")
    return calibrations


def main() -> None:
    """Time the three verifications, in turn."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    detector = camera(INSTRUMENT).detectors[0]
    rng = np.random.default_rng(1)
    cases = {}
    for kind, (task_class, kinds) in TASKS.items():
        config = task_class.ConfigClass()
        task = task_class(config=config)
        raw = make_raw(kind, detector, rng)
        calibrations = make_calibrations(kinds, detector.shape, rng)
        data_id = {
            "instrument": INSTRUMENT,
            "exposure": 2026112400001,
            "detector": detector.id,
            "physical_filter": "r_03",
        }
        cases[kind] = lambda t=task, r=raw, d=data_id, c=calibrations: t.run(r, d, c)
    start = time.process_time()
    for run in cases.values():
        run()
    first_s = time.process_time() - start
    if arguments.profile:
        for kind, run in cases.items():
            profile = cProfile.Profile()
            profile.runcall(run)
            print(kind)
            pstats.Stats(profile).sort_stats("tottime").print_stats(22)
        return
    medians = median_seconds(cases, arguments.repeats, clock=time.process_time)
    print(f"Verification of one {detector.shape[0]} x {detector.shape[1]} exposure")
    print_rows(
        ("work", "processor seconds", f"reach {REACH_S:g} s"),
        [
            (kind, f"{seconds:.3f}", "met" if seconds < REACH_S else "MISSED")
            for kind, seconds in medians.items()
        ],
    )
    beyond = first_s - sum(medians.values())
    print(f"First run of the process: {beyond:.2f} s more, to compile or to load.")


if __name__ == "__main__":
    main()
