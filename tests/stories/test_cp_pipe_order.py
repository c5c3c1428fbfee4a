"""Every type in the order that cp_pipe works in today, from raw files to certified.

One detector, three frames of each kind and a dozen pairs of flats: as few as the types
take. What the order has to do with it is tested; how good each type gets is elsewhere.
"""

import numpy as np
import pytest
from lsst.daf.butler import Butler

from calibrations.butler.operations.tables import KEEP_META
from calibrations.domain.graph import ancestors, find_graph, specification
from calibrations.domain.names import parse_name
from calibrations.models import StepStatus
from calibrations.services.consequences import ticket_consequences
from calibrations.services.graphs import graph_view
from calibrations.services.repositories import open_gateway
from calibrations.simulation.plan import AmplifierSize
from tests.support import construction as make
from tests.support.brief import brief_pipelines
from tests.support.observatory import build_small_observatory, every_kind_plan

CAMERA, FILTER, DETECTOR = "LSSTComCam", "y_04", 4
ORDER = find_graph("cp_pipe")
SIZE = AmplifierSize(48, 64)
FRAMES = {"bias": 3, "dark": 3, "flat": 3, "ptc": 12, "science": 3}
# LSSTCam pairs its flats by the lamp's flux. The simulated lamp is steady, so that the
# header's exposure time tells it.
BY_FLUX = {"matchExposuresType": "FLUX", "matchExposuresByFluxKeyword": "EXPTIME"}
CONFIGURATION = {
    "ptc": {f"cpPtc:{key}": value for key, value in BY_FLUX.items()},
    "bfk": {f"cpBfk:{key}": value for key, value in BY_FLUX.items()},
}


@pytest.fixture
def observatory(tmp_path):
    plan = every_kind_plan(
        detectors=(DETECTOR,), size=SIZE, frames=FRAMES, noise_ratio=(0.955, 0.96)
    )
    return build_small_observatory(tmp_path / "observatory", plan)


@pytest.fixture
def ticket(observatory, facilities, settings, tmp_path, scientist, instrument):
    settings.JOB_HEARTBEAT_S = 3600
    settings.WORK_ROOT = tmp_path / "work"
    place = make.connect_build_place(observatory.repository)
    pipelines = brief_pipelines(tmp_path / "site", room="lsst/")
    place.butler = {
        **place.butler,
        "instruments": {CAMERA: {"graph": "cp_pipe", "pipelines": pipelines}},
    }
    place.save()
    return make.make_ticket(scientist, instrument)


def exposures_of(spec):
    """Spell which exposures a type is made from."""
    parts = [
        f"instrument='{CAMERA}'",
        f"day_obs={make.FIRST_NIGHT}",
        f"exposure.observation_type='{spec.observation_type}'",
    ]
    if spec.observation_reasons:
        reasons = ", ".join(f"'{one}'" for one in spec.observation_reasons)
        parts.append(f"exposure.observation_reason IN ({reasons})")
    return " AND ".join(parts)


def build(ticket, type_, by):
    """Take one type from its exposures to its certification."""
    spec = specification(type_)
    chosen = make.choose(
        ticket,
        type_,
        by,
        expression=exposures_of(spec),
        physical_filter=FILTER if spec.is_per_filter else "",
    )
    made = make.generate(
        ticket, chosen, by, configuration=CONFIGURATION.get(str(type_), {})
    )
    assert made.status == StepStatus.SUCCEEDED, make.tell(made)
    if spec.is_verified:
        verified = make.verify(made, by)
        assert verified.status == StepStatus.SUCCEEDED, make.tell(verified)
        assert verified.results.exists()
    certified = make.certify(made, by)
    assert certified.status == StepStatus.SUCCEEDED, make.tell(certified)
    assert certified.n_datasets == 1
    return made


@pytest.mark.timeout(1200)
def test_every_type_is_built_verified_and_certified_in_order(
    ticket, scientist, observatory
):
    assert ticket.graph == "cp_pipe"
    made = {}
    for type_ in ORDER.types:
        # The plan offers it by now, and not before what it needs is certified.
        offered = {n.type for n in graph_view(fresh(ticket)).build_next}
        assert str(type_) in offered
        made[type_] = build(ticket, type_, scientist)
        used = set(made[type_].precursors.values())
        needs = {*ORDER.precursors[type_], *ORDER.uses.get(type_, ())}
        there = {one for one in needs if one in made}
        # Made with the ticket's own, all that are there by then and no other.
        assert {parse_name(name).type for name in used} == there
        assert set(ORDER.precursors[type_]) <= there
        assert set(map(str, ancestors(ORDER, type_))) <= set(map(str, made))

    gateway = open_gateway(ticket.repository, instrument=CAMERA)
    rows = gateway.validity(f"{CAMERA}/calib/{ticket.key}")
    assert sorted(row.type for row in rows) == sorted(map(str, ORDER.types))
    assert {(row.begin, row.end) for row in rows} == {(make.BEGIN, None)}
    # A set that was built in its order rests on nothing older.
    assert ticket_consequences(fresh(ticket)) == []
    assert {n.state for n in graph_view(fresh(ticket)).nodes} == {"passed"}
    check_ptc(read(observatory, "ptc", made), observatory.truth(DETECTOR))
    check_provenance(observatory, made)


def check_ptc(curves, truth):
    """Gains within their noise, of pairs that were found by flux, and adjusted."""
    assert curves.meta["PAIRED_BY"] == "FLUX"
    assert curves.meta["UNPAIRED"] == []
    assert curves.meta["GAIN_RATIOS"].startswith("adjusted by ")
    assert not curves["BAD"].any()
    # The adjustment makes gains of one another what the flats say: amplifiers differ
    # by 0.8 % in efficiency, which it takes for gain.
    error = np.hypot(curves["GAIN_ERR"] / truth.gain, 0.008 * np.sqrt(2))
    pulls = (np.asarray(curves["GAIN"]) / truth.gain - 1) / error
    assert np.abs(pulls).max() < 5
    assert np.abs((1.5 / truth.gain - 1) / error).max() > 5


def check_provenance(observatory, made):
    """Headers say what was applied: the ticket's, of the types of this order."""
    flat = read(observatory, "flat", made, physical_filter=FILTER)
    for kind in ("PTC", "LINEARIZER", "CTI", "BIAS", "DARK"):
        generation = made[kind.lower()]
        assert flat.header[f"LSST CALIB RUN {kind}"] == generation.collection
    assert "LSST CALIB RUN DEFECTS" not in flat.header
    bias = read(observatory, "bias", made)
    assert bias.header["LSST CALIB RUN LINEARIZER"] == made["linearizer"].collection
    assert "LSST CALIB RUN BIASBOOTSTRAP" not in bias.header
    for kind in ("ptc", "bfk"):
        meta = read(observatory, kind, made).meta
        assert meta["PAIRED_BY"] == "FLUX"
        for applied in ("LINEARIZER", "CTI", "DEFECTS"):
            run = meta[f"LSST CALIB RUN {applied}"]
            assert run == made[applied.lower()].collection


def read(observatory, kind, made, **data_id):
    run = made[kind].collection
    with Butler.from_config(str(observatory.repository)) as butler:
        ref = butler.find_dataset(
            kind, instrument=CAMERA, detector=DETECTOR, collections=run, **data_id
        )
        is_table = ref.datasetType.storageClass_name == "ArrowAstropy"
        return butler.get(ref, parameters=KEEP_META if is_table else None)


def fresh(ticket):
    """Read the ticket again: what was read is remembered."""
    return type(ticket).objects.get(pk=ticket.pk)
