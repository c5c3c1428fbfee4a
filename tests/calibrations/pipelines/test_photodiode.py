"""A linearizer by the light that a photodiode saw, as the portal makes it."""

import dataclasses

import numpy as np
import pytest
from lsst.daf.butler import Butler

from calibrations.imaging.linearity import Linearizer
from calibrations.simulation.effects import Effects
from calibrations.simulation.plan import AmplifierSize, Night
from tests.support.gateway import PIPELINES, RAWS, Site
from tests.support.observatory import FIRST_NIGHT, build_small_observatory, small_plan
from tests.support.pipelines import DEFAULT, select

DETECTOR = 4
LAMP = 0.01
"""Relative scatter of the light from flat to flat: the time alone tells nothing."""

PLAN = dataclasses.replace(
    small_plan(
        detectors=(DETECTOR,),
        size=AmplifierSize(72, 90),
        effects=Effects(nonlinearity=(0.006, 0.012)),
        ptc_fluctuation=LAMP,
    ),
    nights=(Night(FIRST_NIGHT, {"ptc": 24}),),
    photodiode=True,
)
# No bias is subtracted here: it is a level.
OVERRIDES = {
    "cpLinearizerSolve:applies": [],
    "cpLinearizerSolve:doSplineFitOffset": True,
    "cpLinearizerSolve:splineKnots": 7,
}


@pytest.fixture(scope="module")
def observatory(tmp_path_factory):
    return build_small_observatory(tmp_path_factory.mktemp("diode"), PLAN)


@pytest.fixture(scope="module")
def runs(observatory):
    """One without readings in the repository, then one with them."""
    site = Site(observatory.folder, [])
    pipelines = {"linearizer": str(PIPELINES / "cpLinearizer.yaml")}
    gateway = site.gateway(pipelines=pipelines)
    names = ("byTime", "byCharge")
    for name in names:
        if name == "byCharge":
            readings = gateway.ingest_companions([str(observatory.folder)])
            assert readings.datasets == {"photodiode": 48}
        gateway.run_pipeline(
            site.request(
                name,
                pipeline="linearizer",
                inputs=[RAWS, DEFAULT],
                where=select("flat"),
                overrides=OVERRIDES,
            )
        )
    return names


def linearizers(observatory, run):
    with Butler.from_config(str(observatory.repository)) as butler:
        table = butler.get(
            "linearizer",
            instrument="LSSTComCam",
            detector=DETECTOR,
            collections=run,
            parameters={"strip_astropy_meta_yaml": False},
        )
    return table.meta["LIGHT"], Linearizer.from_table(table)


def left_over(linearizer, truth):
    """Largest relative departure from proportionality, from 2000 to 90 000 electrons.

    Without a linearizer the signal is what it is.
    """
    name = linearizer.amplifier
    gain = truth.gain[list(truth.amplifiers).index(name)]
    signals = np.linspace(2000.0, 90000.0, 60)
    read = truth.responded_e(name, signals) / gain
    departures = []
    for adu in (linearizer.linearize(read), read):
        ratio = adu / signals
        departures.append(np.abs(ratio / np.median(ratio) - 1).max())
    return departures


def test_charge_tells_linearity_where_the_lamp_flickers(observatory, runs):
    truth = observatory.truth(DETECTOR)
    by_time, by_charge = (linearizers(observatory, run) for run in runs)
    assert (by_time[0], by_charge[0]) == ("EXPTIME", "PHOTODIODE")
    left = np.array([left_over(one, truth) for one in by_charge[1].values()])
    assert len(left) == 16
    assert left[:, 0].max() < 1e-3
    # Uncorrected, or by the time, it would stand far off.
    assert left[:, 1].min() > 2e-3
    flickering = [left_over(one, truth)[0] for one in by_time[1].values() if one.valid]
    assert not flickering or np.min(flickering) > 1e-3
