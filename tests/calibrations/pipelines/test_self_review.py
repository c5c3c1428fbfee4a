import numpy as np
import pytest
from lsst.daf.butler import Butler

from tests.support.observatory import SECOND_NIGHT
from tests.support.pipelines import DEFAULT, failure_of, run_pipeline, select

SECOND = f"exposure.day_obs={SECOND_NIGHT}"


@pytest.mark.parametrize(
    ("kind", "applied"),
    [
        ("bias", ["BIAS", "DEFECTS"]),
        ("dark", ["BIAS", "DARK", "DEFECTS"]),
        ("flat", ["BIAS", "DARK", "DEFECTS", "FLAT"]),
    ],
)
def test_the_header_names_what_the_butler_gave(copied, kind, applied):
    run_pipeline(
        copied.repository, "selfReview", run="review", where=select(kind, SECOND)
    )
    with Butler.from_config(str(copied.repository)) as butler:
        refs = list(butler.query_datasets("selfReviewExp", collections="review"))
        assert {ref.dataId["detector"] for ref in refs} == {4, 7}
        for ref in refs:
            header = butler.get(ref).header
            for one in ("BIAS", "DARK", "DEFECTS", "FLAT", "PTC"):
                if one not in applied:
                    assert f"LSST CALIB UUID {one}" not in header
                    continue
                found = butler.get_dataset(header[f"LSST CALIB UUID {one}"])
                assert found.datasetType.name == one.lower()
                assert found.run == header[f"LSST CALIB RUN {one}"]
                assert found.run == f"gen/{one.lower()}"
                assert found.dataId["detector"] == ref.dataId["detector"]


def test_the_signature_is_gone(copied):
    where = select("flat", SECOND, "detector=4")
    run_pipeline(copied.repository, "selfReview", run="review", where=where)
    image = copied.get(
        "selfReviewExp", "review", detector=4, exposure=SECOND_NIGHT * 100000 + 3
    )
    spread = np.std(image.data) / np.median(image.data)
    assert spread < 1.1 / np.sqrt(50000)
    assert image.header["BUNIT"] == "electron"


def test_what_is_missing_is_named(copied):
    with Butler.from_config(str(copied.repository), writeable=True) as butler:
        butler.collections.remove_from_chain(DEFAULT, f"{DEFAULT}/flat")
    # A dark needs no flat, a flat does.
    run_pipeline(
        copied.repository, "selfReview", run="one", where=select("dark", SECOND)
    )
    said = failure_of(
        copied.repository,
        "selfReview",
        run="two",
        where=select("flat", SECOND, "detector=4"),
    )
    assert "detector 4, filter r_03: no flat is in force" in said
