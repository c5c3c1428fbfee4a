import pytest
from lsst.daf.butler import Butler, CollectionType

from calibrations.butler.errors import (
    MissingCollectionError,
    OverlapError,
    RunInUseError,
)
from taxicab.errors import InputError, NotFoundError
from tests.support.gateway import BEGIN, CERTIFIED, DEFAULT, GENERATED, TICKET

OTHER = f"{CERTIFIED[:-1]}b"


def test_certifying_again_changes_nothing(site):
    before = site.gateway().validity(TICKET)
    count = site.gateway().certify_calibration(GENERATED, "bias", CERTIFIED, BEGIN)
    assert count == 2
    assert site.gateway().validity(TICKET) == before


def test_a_certification_that_was_cut_short_is_completed(site):
    with Butler.from_config(str(site.repository), writeable=True) as butler:
        butler.registry.decertify(
            CERTIFIED, "bias", _always(), dataIds=[_detector(butler, 1)]
        )
    assert len(site.gateway().validity(TICKET)) == 1
    site.gateway().certify_calibration(GENERATED, "bias", CERTIFIED, BEGIN)
    assert len(site.gateway().validity(TICKET)) == 2


def _always():
    from lsst.daf.butler import Timespan

    return Timespan(None, None)


def _detector(butler, detector):
    return butler.registry.expandDataId(instrument="LSSTComCam", detector=detector)


@pytest.mark.parametrize(
    ("begin", "end"),
    [("2026-12-01", None), ("2020-01-01", "2026-11-02"), ("2020-01-01", None)],
)
def test_an_overlap_is_refused_naming_what_is_there(site, begin, end):
    with pytest.raises(OverlapError) as refusal:
        site.gateway().certify_calibration(GENERATED, "bias", CERTIFIED, begin, end)
    assert f"bias valid from {BEGIN} TAI on in {CERTIFIED} (DM-12345)" in str(
        refusal.value
    )
    assert len(refusal.value.details["conflicts"]) == 2


def test_a_range_that_only_touches_is_no_overlap(site):
    gateway = site.gateway()
    gateway.certify_calibration(GENERATED, "bias", CERTIFIED, "2026-01-01", BEGIN)
    ends = {r.end for r in gateway.validity(TICKET)}
    assert ends == {BEGIN, None}


def test_an_overlap_with_the_chain_is_refused_where_asked(site):
    gateway = site.gateway()
    with pytest.raises(OverlapError, match=CERTIFIED):
        gateway.certify_calibration(
            GENERATED, "bias", OTHER, "2026-12-01", chain=TICKET
        )
    assert gateway.collections(OTHER) == []
    assert gateway.certify_calibration(GENERATED, "bias", OTHER, "2026-12-01") == 2


def test_what_cannot_be_certified_is_told(site):
    gateway = site.gateway()
    with pytest.raises(NotFoundError, match="holds no dark; it holds"):
        gateway.certify_calibration(GENERATED, "dark", OTHER, BEGIN)
    with pytest.raises(InputError, match="is not a calibration"):
        gateway.certify_calibration(GENERATED, "biasMosaic8", OTHER, BEGIN)
    with pytest.raises(MissingCollectionError):
        gateway.certify_calibration(f"{GENERATED}x", "bias", OTHER, BEGIN)
    with pytest.raises(InputError, match="cannot end"):
        gateway.certify_calibration(GENERATED, "bias", OTHER, BEGIN, "2026-01-01")


def test_the_plain_butler_removes_a_certified_run(site):
    # The trap: no error, and the certified collection is left with nothing in it.
    with Butler.from_config(str(site.repository), writeable=True) as butler:
        butler.removeRuns([GENERATED])
    assert site.gateway().validity(TICKET) == []


def test_a_run_in_use_is_not_removed(site):
    before = site.files(GENERATED)
    with pytest.raises(RunInUseError, match=f"{CERTIFIED} certifies them") as refusal:
        site.gateway().remove_run(GENERATED)
    assert refusal.value.details["collections"] == [CERTIFIED]
    assert site.files(GENERATED) == before


def test_a_run_that_is_tagged_or_chained_is_not_removed(raw_site):
    gateway = raw_site.gateway()
    gateway.run_pipeline(raw_site.request())
    gateway.define_chain(f"{DEFAULT}/DM-2", [GENERATED])
    with pytest.raises(RunInUseError, match="DM-2 chains it"):
        gateway.remove_run(GENERATED)
    gateway.define_chain(f"{DEFAULT}/DM-2", [])
    with Butler.from_config(str(raw_site.repository), writeable=True) as butler:
        butler.collections.register("golden", CollectionType.TAGGED)
        butler.registry.associate(
            "golden", butler.query_datasets("bias", collections=GENERATED)
        )
    with pytest.raises(RunInUseError, match="golden tags them"):
        gateway.remove_run(GENERATED)


def test_a_run_that_nobody_needs_is_removed(raw_site):
    gateway = raw_site.gateway()
    gateway.run_pipeline(raw_site.request())
    # A killed process leaves files that it had not registered yet.
    stray = raw_site.repository / GENERATED / "bias" / "unregistered.fits"
    stray.write_bytes(b"half")
    assert gateway.remove_run(GENERATED) > 0
    assert not stray.exists()
    assert gateway.collections(GENERATED) == []
    assert raw_site.files(GENERATED) == {}
    assert gateway.remove_run(GENERATED) == 0
