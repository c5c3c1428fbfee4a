"""What the Butler would leave out of a table is there."""

import pytest
from astropy.table import Table
from lsst.daf.butler import Butler, DatasetType, Quantum
from lsst.pipe.base import QuantumContext
from lsst.pipe.base.connections import DeferredDatasetRef

from calibrations.butler.repositories import make_repository
from calibrations.pipelines.processing import dark_time_s
from calibrations.pipelines.reading import read_dataset


@pytest.fixture(scope="module")
def butler(tmp_path_factory):
    root = make_repository(tmp_path_factory.mktemp("site") / "repository", "LATISS")
    with Butler.from_config(str(root), writeable=True, run="u/somebody") as butler:
        yield butler


@pytest.mark.parametrize("wrap", [lambda ref: ref, DeferredDatasetRef])
def test_a_table_keeps_its_meta(butler, wrap):
    dataset_type = DatasetType(
        f"ptc_{wrap.__name__.strip('<>')}",
        ("instrument",),
        "ArrowAstropy",
        universe=butler.dimensions,
    )
    butler.registry.registerDatasetType(dataset_type)
    table = Table({"GAIN": [1.5]}, meta={"kind": "ptc", "version": 1})
    ref = butler.put(table, dataset_type, instrument="LATISS")
    quantum = Quantum(taskName="task", inputs={dataset_type: [ref]})

    found = read_dataset(QuantumContext(butler, quantum), wrap(ref))

    assert (found.meta["kind"], found.meta["version"]) == ("ptc", 1)
    # The plain way does not.
    assert "kind" not in butler.get(ref).meta


def test_other_datasets_are_read_as_they_are(butler):
    dataset_type = DatasetType(
        "stats", ("instrument",), "StructuredDataDict", universe=butler.dimensions
    )
    butler.registry.registerDatasetType(dataset_type)
    ref = butler.put({"SUCCESS": True}, dataset_type, instrument="LATISS")
    quantum = Quantum(taskName="task", inputs={dataset_type: [ref]})

    assert read_dataset(QuantumContext(butler, quantum), ref) == {"SUCCESS": True}


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({"DARKTIME": 30.4, "EXPTIME": 30.0}, 30.4),
        # As LATISS wrote it for some nights, and cameras before 2019.
        ({"DARKTIME": 0.0, "EXPTIME": 5.0}, 5.0),
        ({"DARKTIME": None, "EXPTIME": 5.0}, 5.0),
        ({"EXPTIME": 5.0}, 5.0),
        ({}, 0.0),
    ],
)
def test_dark_current_gathers_as_long_as_the_exposure_lasts(header, expected):
    assert dark_time_s(header) == expected
