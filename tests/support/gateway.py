"""A small repository, its gateway, and what tests ask of both."""

import hashlib
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import calibrations.pipelines
from calibrations.butler.client import ButlerGateway, ButlerSettings, PipelineRequest
from tests.support import tiny
from tests.support.observatory import FIRST_NIGHT

INSTRUMENT = "LSSTComCam"
DEFAULT = f"{INSTRUMENT}/calib"
RAWS = f"{INSTRUMENT}/raw/all"
TICKET = f"{DEFAULT}/DM-12345"
GENERATED = f"{TICKET}/test/biasGen.20261123a"
CERTIFIED = f"{TICKET}/test/bias.20261123a"
FIRST_NIGHT_BIASES = (
    f"instrument='{INSTRUMENT}' AND exposure.observation_type='bias' "
    f"AND exposure.day_obs={FIRST_NIGHT}"
)
BEGIN = "2026-11-01T00:00:00"
KILLING = str(Path(__file__).parent / "killing")
PIPELINES = Path(calibrations.pipelines.__file__).parent


@dataclass
class Site:
    """A folder with a repository and places beside it."""

    folder: Path
    events: list

    @property
    def repository(self):
        return self.folder / "repository"

    @property
    def settings(self):
        pipeline = self.folder / "tiny.yaml"
        if not pipeline.exists():
            pipeline.write_text(tiny.PIPELINE)
        return ButlerSettings(
            root=str(self.repository),
            instrument=INSTRUMENT,
            pipelines={
                "bias": str(PIPELINES / "cpBias.yaml"),
                "selfReview": str(PIPELINES / "selfReview.yaml"),
                "tiny": str(pipeline),
            },
        )

    def gateway(self, *, should_cancel=None, on_event=None, **changes):
        return ButlerGateway(
            replace(self.settings, **changes),
            on_event=on_event or self.events.append,
            should_cancel=should_cancel,
        )

    def killed_gateway(self, at, *, delay_s=0.0, name="", count_file=None):
        """A gateway whose process is killed at the n-th thing it does to files."""
        environment = {
            "PYTHONPATH": KILLING,
            "KILLING_ROOT": str(self.folder),
            "KILLING_NAME": name,
            "KILLING_AT": str(at),
            "KILLING_DELAY_S": str(delay_s),
        }
        if count_file:
            environment["KILLING_COUNT_FILE"] = str(count_file)
        return self.gateway(environment=environment)

    def request(self, run=GENERATED, *, pipeline="tiny", **changes):
        """A request whose work folder is the run's own."""
        given = {
            "pipeline": pipeline,
            "inputs": [RAWS, DEFAULT],
            "run": run,
            "where": FIRST_NIGHT_BIASES,
            "work_folder": str(self.folder / "work" / run.replace("/", "_")),
            "creation_time": "2026-11-23T16:00:00",
        }
        return PipelineRequest(**{**given, **changes})

    def copied_to(self, folder):
        shutil.copytree(self.folder, folder)
        return Site(Path(folder), [])

    def files(self, folder="."):
        """SHA-256 of every file of a folder of the repository."""
        root = self.repository / folder
        return {
            str(path.relative_to(self.repository)): sha256(path)
            for path in sorted(root.rglob("*"))
            if path.is_file() and not is_bookkeeping(path)
        }

    def products(self, run, types=("bias", "tinyCount")):
        """UUID and SHA-256 of what a run made, by type and data id."""
        found = self.gateway().list_datasets([run], types)
        return {
            (d.type, d.data_id.get("detector")): (d.uuid, sha256(Path(d.path)))
            for d in found
        }


def is_bookkeeping(path):
    """Whether a file is the registry's or the lock's: its bytes change by reading."""
    return ".sqlite3" in path.name or path.name.startswith(".taxicab")


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()
