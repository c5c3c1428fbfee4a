import dataclasses
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from lsst.daf.butler import Butler

from calibrations.simulation.plan import AmplifierFault
from tests.support.observatory import (
    FIRST_NIGHT,
    SECOND_NIGHT,
    SmallObservatory,
    build_small_observatory,
)
from tests.support.pipelines import (
    DEFAULT,
    RAWS,
    certify,
    put_defects,
    run_pipeline,
    select,
)

FILTER = "r_03"
KINDS = ("bias", "dark", "flat")
DETECTORS = (4, 7)
GROWN = AmplifierFault(4, "C03", 1.3, from_day_obs=SECOND_NIGHT)
JUST_OVER = AmplifierFault(7, "C15", 1.06, from_day_obs=SECOND_NIGHT)
SATURATED = 3


@dataclass(frozen=True)
class Lifecycle:
    """A repository in which everything was generated, verified and certified."""

    observatory: SmallObservatory

    @property
    def repository(self) -> Path:
        return self.observatory.repository

    @property
    def saturated_exposure(self) -> int:
        frames = self.observatory.plan.nights[0].frames
        return FIRST_NIGHT * 100000 + frames["bias"] + frames["dark"] + SATURATED + 1

    def get(self, dataset_type, collections, **data_id):
        with Butler.from_config(str(self.repository)) as butler:
            return butler.get(
                dataset_type,
                instrument="LSSTComCam",
                collections=collections,
                **data_id,
            )

    def product(self, kind, detector):
        more = {"physical_filter": FILTER} if kind == "flat" else {}
        return self.get(kind, f"gen/{kind}", detector=detector, **more)

    def verified(self, name, kind, **data_id):
        more = {"physical_filter": FILTER} if kind == "flat" else {}
        dataset = f"verify{kind.capitalize()}{name}"
        return self.get(dataset, f"verify/{kind}", **more, **data_id)


@pytest.fixture(scope="session")
def lifecycle(once):
    """Two nights, two detectors; faults are planted. Read only: copy it to write."""
    return once("lifecycle", live)


def live(folder):
    """Take everything that is simulated in a folder through its life."""
    observatory = build_small_observatory(
        folder,
        detectors=DETECTORS,
        frames=(12, 1),
        faults=(GROWN, JUST_OVER),
        saturated_flat=SATURATED,
    )
    repository = observatory.repository
    # Two good exposures of each type, the saturated flat, and all of the second night.
    chosen = (
        f"(exposure.seq_num IN (1, 2, 13, 14, 25, 26, {25 + SATURATED}) "
        f"OR exposure.day_obs={SECOND_NIGHT})"
    )
    put_defects(repository, DETECTORS)
    certify(repository, "gen/defects", "defects", f"{DEFAULT}/defects")
    for kind in KINDS:
        name = kind.capitalize()
        first = f"exposure.day_obs={FIRST_NIGHT}"
        run_pipeline(
            repository, f"cp{name}", run=f"gen/{kind}", where=select(kind, first)
        )
        run_pipeline(
            repository,
            f"verify{name}",
            run=f"verify/{kind}",
            where=select(kind, chosen),
            inputs=(f"gen/{kind}", RAWS, DEFAULT),
        )
        certify(repository, f"gen/{kind}", kind, f"{DEFAULT}/{kind}")
    return Lifecycle(observatory)


@pytest.fixture
def copied(lifecycle, tmp_path):
    """A copy of the life cycle that a test may change."""
    shutil.copytree(lifecycle.observatory.folder, tmp_path / "copy")
    observatory = dataclasses.replace(
        lifecycle.observatory, folder=tmp_path / "copy", nights={}
    )
    return Lifecycle(observatory)
