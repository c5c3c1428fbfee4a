"""Make a Butler repository that holds our images and knows its instrument."""

import os
from pathlib import Path
from typing import Any

from lsst.daf.butler import Butler, CollectionType, Config

from calibrations.butler.instruments import instrument

__all__ = ["make_repository", "seed_configuration"]

FOLDER_MODE = 0o755
FILE_MODE = 0o644
"""Everyone at a site reads its repository; only its owner writes."""


def seed_configuration(registry_db: str | None = None) -> dict[str, Any]:
    """Give what a new repository's configuration says beside the Butler's defaults.

    With our storage classes and formatters in it, the plain ``butler`` command line
    reads, exports and imports our datasets; recorded checksums tell a damaged file.
    Bundles of metrics have a class of their own, because the Butler's
    MetricMeasurementBundle is bound to analysis_tools and refuses another definition;
    the files are the same.
    """
    formatters = "calibrations.butler.formatters"
    frames = "calibrations.imaging.frames"
    metrics = "calibrations.pipelines.metrics"
    seed: dict[str, Any] = {
        "storageClasses": {
            "CcdRaw": {"pytype": f"{frames}.RawFrame"},
            "CcdImage": {"pytype": f"{frames}.CcdImage"},
            "MetricBundle": {"pytype": f"{metrics}.MetricMeasurementBundle"},
        },
        "datastore": {
            "checksum": True,
            "formatters": {
                "CcdRaw": f"{formatters}.CcdRawFormatter",
                "CcdImage": f"{formatters}.CcdImageFormatter",
                "MetricBundle": "lsst.daf.butler.formatters.json.JsonFormatter",
            },
        },
    }
    if registry_db is not None:
        seed["registry"] = {"db": registry_db}
    return seed


def make_repository(
    root: str | Path,
    instrument_name: str = "LSSTComCam",
    *,
    registry_db: str | None = None,
) -> Path:
    """Make a repository, or complete one that exists, and register an instrument.

    Afterwards there are the empty CHAINED collection ``$INST/calib``, which pipelines
    need as an input before anything is certified, and the RUN ``$INST/raw/all``.
    Without a database address the registry is an SQLite file in the repository.
    """
    root = Path(root).absolute()
    if not (root / "butler.yaml").exists():
        root.mkdir(parents=True, exist_ok=True)
        Butler.makeRepo(str(root), config=Config(seed_configuration(registry_db)))
    camera_class = instrument(instrument_name)
    with Butler.from_config(str(root), writeable=True) as butler:
        camera_class.register(butler.registry, update=True)
        for name, kind in (
            (f"{instrument_name}/calib", CollectionType.CHAINED),
            (f"{instrument_name}/raw/all", CollectionType.RUN),
        ):
            butler.collections.register(name, kind)
    root.chmod(FOLDER_MODE)
    for path in root.iterdir():
        if path.is_file() and os.access(path, os.W_OK):
            path.chmod(FILE_MODE)
    return root
