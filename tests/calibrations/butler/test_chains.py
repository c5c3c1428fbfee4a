import pytest
from lsst.daf.butler import Butler, CollectionType

from calibrations.butler.errors import ChainUnreadableError, MissingCollectionError
from tests.support.gateway import DEFAULT, RAWS

A, B = f"{DEFAULT}/DM-1", f"{DEFAULT}/DM-2"


@pytest.fixture
def gateway(raw_site):
    with Butler.from_config(str(raw_site.repository), writeable=True) as butler:
        for name in (A, B):
            butler.collections.register(name, CollectionType.CHAINED)
    return raw_site.gateway()


def test_a_deployment_that_is_run_again_moves_nothing(gateway):
    assert gateway.prepend_chain(DEFAULT, A).after == [A]
    assert gateway.prepend_chain(DEFAULT, B).after == [B, A]
    again = gateway.prepend_chain(DEFAULT, A)
    assert (again.before, again.after, again.changed) == ([B, A], [B, A], False)


def test_the_plain_butler_moves_it_to_the_front(gateway, raw_site):
    gateway.prepend_chain(DEFAULT, A)
    gateway.prepend_chain(DEFAULT, B)
    with Butler.from_config(str(raw_site.repository), writeable=True) as butler:
        butler.collections.prepend_chain(DEFAULT, A)
        assert list(butler.collections.get_info(DEFAULT).children) == [A, B]


def test_a_child_is_taken_out_once(gateway):
    gateway.define_chain(DEFAULT, [A, B])
    assert gateway.remove_from_chain(DEFAULT, A).after == [B]
    assert not gateway.remove_from_chain(DEFAULT, A).changed


def test_a_chain_is_defined_anew(gateway):
    assert gateway.define_chain(DEFAULT, [A]).changed
    assert not gateway.define_chain(DEFAULT, [A]).changed
    assert gateway.define_chain(DEFAULT, [B, A]).before == [A]
    assert gateway.define_chain(DEFAULT, []).after == []


def test_what_is_not_there_is_named(gateway):
    with pytest.raises(MissingCollectionError, match=f"nearest: .*{A}"):
        gateway.prepend_chain(DEFAULT, f"{A}1")
    with pytest.raises(MissingCollectionError):
        gateway.remove_from_chain("LSSTComCam/nothing", A)
    with pytest.raises(ChainUnreadableError, match="is a RUN collection"):
        gateway.prepend_chain(RAWS, A)
