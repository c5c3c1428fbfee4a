"""The way out: compared with charge that is moved packet by packet."""

import numpy as np
import pytest

from calibrations.simulation.readout import add_crosstalk, defer_charge, respond
from tests.support.serial_readout import LinearTrap, read_out

PRESCAN, NX, OVERSCAN = 3, 60, 20
CTI = {
    "global_cti": 5e-5,
    "drift_scale": 3e-4,
    "decay_time": 2.4,
    "trap_size_e": 8.0,
    "trap_fraction": 0.05,
    "trap_time": 0.4,
}
NOTHING = {**dict.fromkeys(CTI, 0.0), "decay_time": 2.4, "trap_time": 0.4}


def deferred(light, **values):
    segment = np.pad(light, ((0, 0), (PRESCAN, OVERSCAN)))
    arrays = {name: np.array([value]) for name, value in values.items()}
    return defer_charge(segment[np.newaxis], **arrays)[0]


def packets(light, **values):
    trap = LinearTrap(
        values["trap_size_e"], values["trap_fraction"], values["trap_time"]
    )
    return read_out(
        light,
        prescan=PRESCAN,
        overscan=OVERSCAN,
        b=values["global_cti"],
        drift=values["drift_scale"],
        decay=values["decay_time"],
        trap=trap if values["trap_size_e"] else None,
        trap_at=1,
    )


@pytest.mark.parametrize(
    "names",
    [
        ("global_cti",),
        ("drift_scale", "decay_time"),
        ("trap_size_e", "trap_fraction", "trap_time"),
        tuple(CTI),
    ],
)
def test_deferred_charge_is_what_moving_every_packet_gives(names):
    light = np.random.default_rng(1).uniform(0, 50000, (5, NX)).astype(np.float32)
    light[2] = 40000.0
    values = {**NOTHING, **{name: CTI[name] for name in names}}

    samples = deferred(light, **values)
    moved = packets(light, **values)
    # Single precision of 50 000 is 0.004. Here the trap is met after the last transfer,
    # there one earlier: what it holds differs by that transfer's loss of some pixels.
    np.testing.assert_allclose(samples, moved, atol=0.15)
    # There is something to see: the first overscan column is not empty.
    assert moved[2, PRESCAN + NX] > 3.0


def test_without_effects_charge_comes_out_as_it_went_in():
    light = np.random.default_rng(1).uniform(0, 50000, (5, NX)).astype(np.float32)

    np.testing.assert_array_equal(
        deferred(light, **NOTHING)[:, PRESCAN : PRESCAN + NX], light
    )


def test_transfers_and_trap_lose_no_charge():
    light = np.full((4, NX), 30000.0, np.float32)
    values = {**CTI, "drift_scale": 0.0}
    total = deferred(light, **values).sum(dtype=float)

    assert total == pytest.approx(light.sum(dtype=float), rel=2e-7)


def test_the_response_bends_as_told_and_never_turns_back():
    curve = (0.01, 0.002)
    signal = np.linspace(0, 200000, 2001)
    seen = respond(signal, curve)

    assert respond(np.array([1e5]), curve) == pytest.approx(99000, abs=3)
    assert respond(np.array([1e4]), curve) == pytest.approx(10000 * (1.002 - 0.001))
    assert np.all(np.diff(seen) > 0)
    np.testing.assert_array_equal(respond(-signal, curve), -signal)


def test_ghosts_are_linear_and_quadratic_and_have_none_of_their_own():
    segments = np.zeros((3, 4, 5), np.float32)
    segments[0, 1, 2] = 50000.0
    coeffs, squared = np.zeros((3, 3)), np.zeros((3, 3))
    coeffs[0, 1], coeffs[1, 2], squared[0, 2] = 1e-3, 0.5, 1e-9
    seen = add_crosstalk(segments, coeffs, squared)

    assert seen[1, 1, 2] == pytest.approx(50.0)
    assert seen[2, 1, 2] == pytest.approx(2.5)
    assert np.count_nonzero(seen) == 3
