"""Stages of a report made of known numbers and small FITS files."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.io import fits

from calibrations.domain.cameras import camera
from calibrations.domain.criteria import CRITERIA_VERSION, criteria_for
from reports.domain.results import Result
from reports.domain.stages import plan_stages
from reports.services.gathering import StageEvidence
from reports.services.record import PartRecord, ReportRecord

GENERATION = "LSSTComCam/calib/DM-47447/gainFixup/{}Gen{}.20261109a"
VERIFICATION = "LSSTComCam/calib/DM-47447/gainFixup/verify{}{}.20261109a"
EXPOSURES = tuple(range(2026110800001, 2026110800016)) + tuple(
    range(2026110900001, 2026110900005)
)
SHAPE = (32, 64)

NOISY = (4, "C05")
"""Grew noisy: fails NOISE on every exposure."""
BORDERLINE = (8, "C17")
"""Just over the limit, on two exposures."""
SATURATED = EXPOSURES[3]
"""Half of the flats' amplifiers fail on this exposure."""
UNMEASURED = (2, "C00")
"""No number at all."""
UNITS = {"bias": "electron", "dark": "electron/s", "flat": "1"}


def make_result(**changes):
    """One passing result; change what matters."""
    values = {
        "exposure": EXPOSURES[0],
        "detector": 0,
        "amplifier": "C10",
        "level": "AMP",
        "test": "NOISE",
        "statistic": "NOISE",
        "value": 0.5,
        "limit": 1.0,
        "sense": "<=",
        "unit": "electron",
        "passed": True,
        "dmtn101": "4.3",
        "criteria_version": CRITERIA_VERSION,
    }
    return Result(**{**values, **changes})


def make_results(calib_type, *, exposures=EXPOSURES, seed=1):
    """Results of all amplifiers with the faults above, and nothing else wrong."""
    random = np.random.default_rng(seed)
    rows = []
    for exposure in exposures:
        for detector in camera("LSSTComCam").detectors:
            for amplifier in detector.amplifiers:
                for one in criteria_for(calib_type, "AMP"):
                    limit = {"0.05": 0.05, "0": 0.0}.get(one.limit_expression, 8.0)
                    value = limit * random.uniform(0.3, 0.8)
                    place = (detector.id, amplifier)
                    if one.test == "NOISE" and not one.advisory:
                        if place == NOISY:
                            value = 1.4 * limit
                        elif place == BORDERLINE and exposure in EXPOSURES[:2]:
                            value = 1.01 * limit
                        elif exposure == SATURATED and calib_type == "flat":
                            value = 3.0 * limit
                    if one.test == "READ_NOISE_CONSISTENT" and place == NOISY:
                        value = 2 * limit
                    measured = place != UNMEASURED
                    rows.append(
                        make_result(
                            exposure=exposure,
                            detector=detector.id,
                            amplifier=amplifier,
                            test=one.test,
                            statistic=one.statistic,
                            value=value if measured else None,
                            limit=limit,
                            sense=one.sense,
                            unit=one.unit,
                            passed=measured and value <= limit,
                            dmtn101=one.dmtn101,
                        )
                    )
    return rows


def make_stage(calib_type, folder, *, exposures=EXPOSURES, band=""):
    """A stage whose images are in a folder; detector 8 has no combined image."""
    folder.mkdir(parents=True, exist_ok=True)
    tail = f"-{band}" if band else ""
    name = GENERATION.format(calib_type, tail)
    verification = VERIFICATION.format(calib_type.capitalize(), tail)
    (plan,) = plan_stages([name], [verification])
    combined, residuals = {}, {}
    for detector in range(9):
        if detector != 8:
            path = folder / f"{calib_type}-{detector}.fits"
            write_image(path, UNITS[calib_type], seed=detector)
            combined[detector] = str(path)
        for exposure in exposures:
            path = folder / f"{calib_type}-{detector}-{exposure}.fits"
            write_image(path, "electron", seed=exposure % 97 + detector, binning=8)
            residuals[(detector, exposure)] = str(path)
    return StageEvidence(
        plan,
        make_results(calib_type, exposures=exposures),
        combined=combined,
        residuals=residuals,
    )


def make_table_results(calib_type, *, level="AMP", seed=2):
    """Results of a calibration judged without exposures; amplifier NOISY fails."""
    random = np.random.default_rng(seed)
    rows = []
    for detector in camera("LSSTComCam").detectors:
        for amplifier in detector.amplifiers:
            for one in criteria_for(calib_type, level):
                is_bad = (detector.id, amplifier) == NOISY
                value = random.uniform(0.3, 0.8) + is_bad
                rows.append(
                    make_result(
                        exposure=0,
                        detector=detector.id,
                        amplifier=amplifier,
                        test=one.test,
                        statistic=one.statistic,
                        value=value,
                        sense=one.sense,
                        unit=one.unit,
                        passed=not is_bad,
                        dmtn101=one.dmtn101,
                    )
                )
    return rows


def make_table_stage(calib_type, folder, results):
    """A stage whose calibration is a table of amplifiers, with a grid of plots."""
    folder.mkdir(parents=True, exist_ok=True)
    kind = calib_type.capitalize()
    (plan,) = plan_stages(
        [GENERATION.format(calib_type, "")], [VERIFICATION.format(kind, "")]
    )
    tables, plots = {}, []
    for detector in camera("LSSTComCam").detectors:
        path = folder / f"{calib_type}-{detector.id}.parq"
        gain = np.linspace(1.3, 1.5, 16)
        gain[3] = np.nan
        field = pa.field("GAIN", pa.float64(), metadata={"unit": "electron/adu"})
        columns = [
            pa.array(list(detector.amplifiers)),
            pa.array(gain),
            pa.array([[1.0, 2.0]] * 16),
        ]
        names = [pa.field("AMPLIFIER_NAME", pa.string()), field]
        names.append(pa.field("RAW_MEANS", pa.list_(pa.float64())))
        pq.write_table(pa.Table.from_arrays(columns, schema=pa.schema(names)), path)
        tables[detector.id] = str(path)
        plot = folder / f"{calib_type}-{detector.id}.png"
        plot.write_bytes(b"\x89PNG of a grid")
        plots.append((f"cp{kind}DetCore_{calib_type}Plot_GridPlot", detector.id, plot))
    return StageEvidence(plan, results, tables=tables, plots=plots)


def write_image(path, unit, *, seed, binning=1):
    """A small image with a gradient and noise, as our formatter keeps images."""
    random = np.random.default_rng(seed)
    gradient = np.linspace(0.9, 1.1, SHAPE[1], dtype=np.float32)
    pixels = gradient + random.normal(0, 0.05, SHAPE).astype(np.float32)
    header = fits.Header({"BUNIT": unit, "BINNING": binning})
    hdus = [fits.PrimaryHDU(header=header), fits.ImageHDU(pixels, name="IMAGE")]
    fits.HDUList(hdus).writeto(path, overwrite=True)


def make_headers():
    """Headers of the inputs' raws; the last exposure has none."""
    cards = [
        ["SIMPLE", True, "conforms to FITS standard"],
        ["IMGTYPE", "BIAS", "image type"],
        ["EXPTIME", 0.0, "exposure time (s)"],
    ]
    *read, last = EXPOSURES
    headers = [
        {
            "exposure": exposure,
            "detector": 0,
            "file": f"raw_{exposure}.fits",
            "cards": [*cards, ["SEQNUM", exposure % 100000, "sequence number"]],
            "missing": "",
        }
        for exposure in read
    ]
    gone = {"detector": 0, "file": f"raw_{last}.fits", "cards": []}
    missing = "The file of its raw is gone."
    return [*headers, {"exposure": last, **gone, "missing": missing}]


def make_facts():
    """A record of inputs, commands, versions, collections and validity."""
    exposures = [
        {
            "id": exposure,
            "obs_id": f"CC_O_{exposure // 100000}_{exposure % 100000:06d}",
            "observation_type": "bias",
            "observation_reason": "bias",
            "physical_filter": "r_03",
            "exposure_time_s": 0.0,
            "dark_time_s": 0.1,
            "begin_tai": "2026-11-08T20:00:00.000",
            "n_detectors": 9,
        }
        for exposure in EXPOSURES
    ]
    certified = "LSSTComCam/calib/DM-47447/gainFixup/bias.20261109a"
    bias = PartRecord(
        inputs=[
            {
                "label": "bias",
                "purpose": "generation",
                "where": "instrument='LSSTComCam' AND exposure.day_obs=20261108",
                "exposures": exposures,
                "problems": [
                    "2 exposures have another reason than bias: 2026110800003."
                ],
                "override_reason": "The header of that night says so wrongly.",
                "override_by": "nora",
            }
        ],
        headers=make_headers(),
        commands=[
            {
                "collection": GENERATION.format("bias", ""),
                "lines": ["pipetask run -b REPO -p cpBias.yaml -o bias"],
            }
        ],
        versions=[
            {
                "package": "lsst-pipe-base",
                "version": "30.0.0",
                "collections": [GENERATION.format("bias", "")],
            }
        ],
        validity=[
            {
                "type": "bias",
                "filter": "",
                "begin_tai": "2026-11-08T00:00:00",
                "end_tai": "",
                "collection": certified,
                "run": GENERATION.format("bias", ""),
                "detectors": list(range(9)),
            }
        ],
    )
    return ReportRecord(
        parts={"bias": bias},
        chain="LSSTComCam/calib/DM-47447",
        collections=[
            {
                "name": "LSSTComCam/calib/DM-47447",
                "type": "CHAINED",
                "children": [certified],
                "n_datasets": 9,
            }
        ],
    )
