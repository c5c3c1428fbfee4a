"""Sites for tests of distribution: repositories, and a portal's database in a file.

A set of calibrations is put into the origin directly, without pipelines: how it was
made is not the point here.
"""

import contextlib
import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.time import Time
from kombu import pools
from lsst.daf.butler import (
    Butler,
    CollectionType,
    DatasetType,
    Timespan,
)

from calibrations.butler.operations.queries import find_datasets
from calibrations.butler.repositories import make_repository
from calibrations.imaging.frames import CcdImage
from tests.support import people
from tests.support.databases import portal_database

INSTRUMENT = "LSSTComCam"
DEFAULT = f"{INSTRUMENT}/calib"
BEGIN_TAI = "2026-11-01T00:00:00"


def chain_of(ticket):
    return f"{DEFAULT}/{ticket}"


def run_of(ticket):
    return f"{DEFAULT}/{ticket}/test/biasGen.20261101a"


def certified_of(ticket):
    return f"{DEFAULT}/{ticket}/test/bias.20261101a"


def put_set(root, ticket, *, detectors=range(3), shape=(16, 16), shapes=None):
    """Put a certified set of biases and its chain into a repository."""
    shapes = shapes or {}
    run, certified, chain = run_of(ticket), certified_of(ticket), chain_of(ticket)
    with Butler.from_config(str(root), writeable=True, run=run) as butler:
        type_ = DatasetType(
            "bias",
            {"instrument", "detector"},
            "CcdImage",
            universe=butler.dimensions,
            isCalibration=True,
        )
        butler.registry.registerDatasetType(type_)
        level = int(hashlib.sha256(ticket.encode()).hexdigest()[:4], 16) / 6553.6
        refs = [
            butler.put(
                _make_bias(shape, level), "bias", instrument=INSTRUMENT, detector=d
            )
            for d in detectors
        ]
        butler.collections.register(certified, CollectionType.CALIBRATION)
        span = Timespan(Time(BEGIN_TAI, format="isot", scale="tai"), None)
        butler.registry.certify(certified, refs, span)
        butler.collections.register(chain, CollectionType.CHAINED)
        butler.collections.redefine_chain(chain, [certified])


def _make_bias(shape, level):
    data = np.full(shape, level, dtype=np.float32)
    header = {"BUNIT": "electron", "OBSTYPE": "bias"}
    return CcdImage(data, np.zeros(shape, np.uint16), np.ones_like(data), header)


def make_template(folder, *, tickets=("DM-100",), **options):
    """An origin that holds some sets, and a site that holds none."""
    origin = make_repository(folder / "origin", INSTRUMENT)
    make_repository(folder / "site", INSTRUMENT)
    for ticket in tickets:
        put_set(origin, ticket, **options)
    return folder


def chain(root):
    """Children of the default chain."""
    with Butler.from_config(str(root)) as butler:
        return list(butler.collections.get_info(DEFAULT).children)


def inventory(root):
    """All that a deployment leaves: files by UUID, chains, tags and validity."""
    found = {}
    with Butler.from_config(str(root)) as butler:
        infos = butler.collections.query_info(
            f"{DEFAULT}*", include_summary=True, flatten_chains=False
        )
        types = list(butler.registry.queryDatasetTypes("bias"))
        for info in infos:
            kind = info.type.name
            found[info.name] = (kind, info.children if kind == "CHAINED" else ())
        for ref in find_datasets(butler, [c for c in found if "/DM-" in c], types):
            path = Path(butler.getURI(ref).ospath)
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            found[str(ref.id)] = (ref.run, ref.dataId["detector"], digest)
        for type_ in types:
            for link in butler.registry.queryDatasetAssociations(
                type_,
                collections=[
                    c for c in found if found[c][0] in {"CALIBRATION", "TAGGED"}
                ],
                collectionTypes={CollectionType.CALIBRATION, CollectionType.TAGGED},
                flattenChains=False,
            ):
                key = (link.collection, str(link.ref.id))
                found[key] = str(link.timespan)
    return found


def strays(root):
    """Files in a repository that no record knows: leftovers of killed copies."""
    with Butler.from_config(str(root)) as butler:
        known = {
            butler.getURI(ref).ospath
            for ref in butler.query_all_datasets("*", find_first=False)
        }
    return [
        path
        for path in Path(root).rglob("*")
        if path.is_file() and path.parent != Path(root) and str(path) not in known
    ]


@dataclass
class Site:
    """One site's own folder and what its workers' environment says."""

    name: str
    folder: Path

    @property
    def repository(self):
        return self.folder / "repos" / "butler"

    def hold(self, template):
        shutil.copytree(template, self.repository)
        return self


def make_database(migrated, path):
    """Make a database with the facilities and a deployer, to be copied."""
    from django.core.management import call_command
    from django.db import connection

    from taxicab.core.models import Instrument

    shutil.copy(migrated, path)
    with portal_database(path):
        call_command("loaddata", "facilities", verbosity=0)
        people.make_person("omar", "deployer", Instrument.objects.get(pk=INSTRUMENT))
        connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@contextlib.contextmanager
def broker(url):
    """Send tasks to a broker of the test's own."""
    from taxicab.celery import app

    before = app.conf.broker_url
    _use_broker(app, url)
    try:
        yield app
    finally:
        _use_broker(app, before)


def _use_broker(app, url):
    pools.reset()
    app._pool = None
    app.__dict__.pop("amqp", None)
    app.conf.broker_url = app.conf.broker_write_url = url


def worker_environment(site, *, database, redis_url, **more):
    """What the workers of a site see: their own folder under a common name.

    The database alone is shared: each site's folder links to it.
    """
    site.folder.mkdir(parents=True, exist_ok=True)
    link = site.folder / "portal.sqlite3"
    if not link.exists():
        link.symlink_to(database)
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "taxicab.settings",
        "TAXICAB_DATA": str(site.folder),
        "TAXICAB_REDIS_URL": redis_url,
        "TAXICAB_DEBUG": "1",
        **more,
    }
