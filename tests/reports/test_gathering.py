"""What is gathered of the Butler's datasets, without a Butler."""

import pytest

from calibrations.butler.records import DatasetInfo
from reports.domain.stages import plan_stages
from reports.services.gathering import gather_stage
from tests.support.evidence import GENERATION


@pytest.mark.parametrize(
    ("calib_type", "band", "filter_"), [("bias", "", ""), ("flat", "-r", "r_03")]
)
def test_only_what_is_made_for_a_filter_has_one(calib_type, band, filter_):
    # The Butler implies the filter of every exposure, that of a bias too.
    (plan,) = plan_stages([GENERATION.format(calib_type, band)], [])
    found = DatasetInfo(
        uuid="1",
        type=calib_type,
        run=plan.generation,
        data_id={"detector": 4, "physical_filter": "r_03"},
        path="one.fits",
    )
    datasets = {(plan.generation, calib_type): [found]}
    assert gather_stage(None, plan, datasets).physical_filter == filter_
