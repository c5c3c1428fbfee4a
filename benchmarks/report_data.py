"""Verification of a whole camera as tables in a Butler repository, without a pixel.

Each stage has what the merging tasks write: ``verify{Stage}Results`` in cp_verify's
form, a row for each amplifier of each exposure, and ``verify{Stage}Tests``, a row for
each test. Both tell the same: numbers are drawn, and judged by the criteria.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from astropy.table import Table
from lsst.daf.butler import Butler, DatasetType

from calibrations.butler.repositories import make_repository
from calibrations.domain.cameras import camera
from calibrations.domain.cameras.filters import FILTERS
from calibrations.domain.criteria import CRITERIA_VERSION, Criterion, criteria_for

__all__ = ["make_verified"]

DAY = 20261109
RUN = "{instrument}/calib/DM-47447/bench/verify{stage}{band}.20261109a"
NOISE_E, LEVEL_E, N_INPUTS, GAIN = 5.5, 30000.0, 20, 1.5
PERCENTILES = ("0.0", "5.0", "16.0", "50.0", "84.0", "95.0", "100.0")
PROFILE = 32
"""A full one has 4000 elements and the tables 1 GB each; neither report shows any."""

N_NOISY = 40
"""Amplifiers whose noise is over the limit on every exposure."""


def make_verified(
    root: Path,
    instrument: str,
    *,
    n_detectors: int,
    n_exposures: int,
    filters: Sequence[str],
    profile: int = PROFILE,
    with_tests: bool = True,
    seed: int = 1,
) -> list[str]:
    """Make a repository of verified biases, darks and flats; returns its runs.

    Parameters
    ----------
    filters
        Physical filters of the flats.
    profile
        Elements of each row's two profiles.
    with_tests
        Whether the tables of tests are there; cp_verify writes none.
    """
    random = np.random.default_rng(seed)
    make_repository(root, instrument)
    places = _places(instrument, n_detectors)
    exposures = [DAY * 100_000 + i + 1 for i in range(n_exposures)]
    runs = []
    with Butler.from_config(str(root), writeable=True) as butler:
        for stage, physical_filter in [
            ("Bias", ""),
            ("Dark", ""),
            *(("Flat", name) for name in filters),
        ]:
            if physical_filter:
                exposures = [exposure + 1000 for exposure in exposures]
            band = FILTERS[instrument].get(physical_filter, "")
            run = RUN.format(
                instrument=instrument, stage=stage, band=f"-{band}" if band else ""
            )
            numbers = _draw(stage, places, exposures, random)
            tables = {"Results": _results(stage, numbers, instrument, profile, random)}
            if with_tests:
                tables["Tests"] = _tests(stage, numbers)
            _put(butler, run, stage, physical_filter, instrument, tables)
            runs.append(run)
    return runs


def _places(instrument: str, n_detectors: int) -> list[tuple[int, str]]:
    return [
        (detector.id, name)
        for detector in camera(instrument).detectors[:n_detectors]
        for name in detector.amplifiers
    ]


def _draw(
    stage: str,
    places: Sequence[tuple[int, str]],
    exposures: Sequence[int],
    random: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Draw what was measured: a good camera with some amplifiers that are not."""
    shape = len(exposures), len(places)
    n = shape[0] * shape[1]
    level = LEVEL_E if stage == "Flat" else 0.0
    noise = np.sqrt(NOISE_E**2 + level)
    measured = random.normal(noise, 0.01 * noise, shape)
    measured[:, random.choice(shape[1], min(N_NOISY, shape[1] // 20))] *= 1.2
    measured[-1, : shape[1] // 8] *= 1.3  # the last exposure is bad in one corner
    return {
        "exposure": np.repeat(np.array(exposures), shape[1]),
        "detector": np.tile([d for d, _ in places], shape[0]),
        "amplifier": np.tile([name for _, name in places], shape[0]),
        "MEAN": random.normal(level, 0.5, n),
        "NOISE": measured.ravel(),
        "CR_NOISE": measured.ravel() * random.normal(0.99, 0.002, n),
        "READ_NOISE": np.full(n, NOISE_E),
        "READ_NOISE_ADU": random.normal(NOISE_E / GAIN, 0.01, n),
        "GAIN": np.full(n, GAIN),
        "N_INPUTS": np.full(n, float(N_INPUTS)),
        "FORCE_FAILURE": np.zeros(n),
    }


def _judge(
    one: Criterion, numbers: Mapping[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Apply a criterion to every row: values, limits and verdicts."""
    n = len(numbers["MEAN"])
    names = [name for name, array in numbers.items() if array.dtype.kind == "f"]
    rows = [
        dict(zip(names, row, strict=True))
        for row in zip(*(numbers[name].tolist() for name in names), strict=True)
    ]
    value = np.fromiter((one.value(row) for row in rows), float, n)
    limit = np.fromiter((one.limit(row) for row in rows), float, n)
    return value, limit, value < limit if one.sense == "<" else value <= limit


def _amplifier_criteria(stage: str) -> list[Criterion]:
    return [one for one in criteria_for(stage) if one.level == "AMP"]


def _results(
    stage: str,
    numbers: Mapping[str, np.ndarray],
    instrument: str,
    profile: int,
    random: np.random.Generator,
) -> Table:
    """Make cp_verify's table: statistics, verdicts, diagnostics and profiles."""
    prefix, n = stage.upper(), len(numbers["MEAN"])
    table = Table({"instrument": np.full(n, instrument)})
    for name in ("exposure", "detector", "amplifier"):
        table[name] = numbers[name]
    table["mjd"] = 61353.0 + (numbers["exposure"] % 100_000) / 1000
    success = np.ones(n, dtype=bool)
    for name in ("MEAN", "NOISE", "CR_NOISE", "READ_NOISE_ADU"):
        table[f"{prefix}_{name}"] = numbers[name]
    for one in _amplifier_criteria(stage):
        passed = _judge(one, numbers)[2]
        table[f"{prefix}_VERIFY_{one.test}"] = passed
        success &= passed | one.advisory
    table[f"{prefix}_VERIFY_SUCCESS"] = success
    for name in PERCENTILES:
        table[f"{prefix}_{prefix}_DIST_{name}_PCT"] = random.normal(0, 1, n)
    table[f"{prefix}_BIAS_SHIFT_COUNT"] = random.integers(0, 3, n)
    table[f"{prefix}_BIAS_SHIFT_NOISE"] = random.normal(1, 0.1, n)
    table[f"{prefix}_AMP_CORNER"] = random.normal(0, 1, n)
    for name in ("SERIAL", "PARALLEL"):
        table[f"{prefix}_{name}_PROF"] = np.zeros((n, profile), np.float32)
    return table


def _tests(stage: str, numbers: Mapping[str, np.ndarray]) -> Table:
    """Make our own table: a row for each amplifier, exposure and test."""
    columns: dict[str, list[np.ndarray]] = {}
    n = len(numbers["MEAN"])
    for one in _amplifier_criteria(stage):
        value, limit, passed = _judge(one, numbers)
        row = {
            "exposure": numbers["exposure"],
            "detector": numbers["detector"],
            "amplifier": numbers["amplifier"],
            "level": np.full(n, one.level),
            "test": np.full(n, one.test),
            "statistic": np.full(n, one.statistic),
            "value": value,
            "limit": limit,
            "sense": np.full(n, one.sense),
            "unit": np.full(n, one.unit),
            "passed": passed,
            "dmtn101": np.full(n, one.dmtn101),
            "criteria_version": np.full(n, CRITERIA_VERSION),
            "advisory": np.full(n, one.advisory),
        }
        for name, array in row.items():
            columns.setdefault(name, []).append(array)
    return Table({name: np.concatenate(arrays) for name, arrays in columns.items()})


def _put(
    butler: Butler,
    run: str,
    stage: str,
    physical_filter: str,
    instrument: str,
    tables: Mapping[str, Table],
) -> None:
    dimensions = ["instrument"] + (["physical_filter"] if physical_filter else [])
    data_id = {"instrument": instrument}
    if physical_filter:
        data_id["physical_filter"] = physical_filter
    butler.registry.registerRun(run)
    for tail, table in tables.items():
        type_ = DatasetType(
            f"verify{stage}{tail}",
            dimensions,
            "ArrowAstropy",
            universe=butler.dimensions,
        )
        butler.registry.registerDatasetType(type_)
        butler.put(table, type_, data_id, run=run)
