import numpy as np
import pytest
from astropy.table import Table

from calibrations.pipelines.trends import TrendTask, gain_ratios, trend_rows

N = 30


def make_results(stage, values):
    """Two amplifiers in so many exposures, a day apart, and the detector's own row."""
    rows = []
    for i in range(N):
        for name, value in values(i).items():
            rows.append((i, 4, name, 60000.0 + i, value))
        rows.append((i, 4, "", 60000.0 + i, np.nan))
    return Table(
        rows=rows, names=("exposure", "detector", "amplifier", "mjd", f"{stage}_MEAN")
    )


def test_a_drift_of_the_bias_is_followed_amplifier_by_amplifier():
    rng = np.random.default_rng(1)
    results = make_results(
        "BIAS",
        lambda i: {"C00": 0.1 * i + rng.normal(0, 0.1), "C01": rng.normal(0, 0.1)},
    )
    rows = {row["amplifier"]: row for row in trend_rows("BIAS", results)}
    # 0.1 over sqrt(30) and 8.7 days: 0.002; five sigma.
    assert rows["C00"]["SLOPE"] == pytest.approx(0.1, abs=0.011)
    assert abs(rows["C01"]["SLOPE"]) < 0.011
    assert rows["C00"]["PEAK_TO_PEAK"] > 2.5
    assert rows["C00"]["N"] == N
    assert rows["C00"]["unit"] == "electron"
    # Quantities that the table has not are left out; the detector's row is none.
    assert set(rows) == {"C00", "C01"}
    table = TrendTask().run(results, "LSSTComCam").trends
    assert set(table["quantity"]) == {"MEAN"}
    assert set(table["instrument"]) == {"LSSTComCam"}


def test_a_gain_that_changes_stands_out_of_a_lamp_that_flickers():
    rng = np.random.default_rng(2)
    exposures = np.repeat(np.arange(N), 5)
    names = np.tile([f"C0{i}" for i in range(5)], N)
    lamp = rng.uniform(40000, 60000, N)
    gain = np.ones((N, 5))
    gain[:, 3] += np.linspace(0, 0.002, N)
    means = (lamp[:, None] * gain * np.array([1, 0.98, 1.01, 1.02, 0.99])).ravel()
    ratios = gain_ratios(means, exposures, np.full(5 * N, 4), names)
    assert ratios[names == "C03"].mean() == pytest.approx(1.0)
    assert np.ptp(ratios[names == "C03"]) == pytest.approx(0.002, rel=0.02)
    assert np.ptp(ratios[names == "C01"]) < 1e-9
    # Without the ratio the lamp is all that is seen.
    assert np.ptp(means[names == "C01"]) / means.mean() > 0.2


def test_frames_without_light_have_no_ratio():
    exposures = np.repeat([1, 2, 3], 2)
    names = np.tile(["C00", "C01"], 3)
    means = np.array([100.0, 100.0, np.nan, np.nan, -1.0, -2.0])
    ratios = gain_ratios(means, exposures, np.zeros(6, int), names)
    assert ratios[:2] == pytest.approx([1.0, 1.0])
    assert np.isnan(ratios[2:]).all()


def test_a_run_has_its_trends(lifecycle):
    for kind, quantities in (("bias", 4), ("dark", 3), ("flat", 1)):
        table = lifecycle.verified("Trends", kind)
        assert len(set(table["quantity"])) == quantities
        assert len(table) == quantities * 2 * 16
    # Two exposures of the first night and one of the second; the flat that is
    # saturated has its share in the light of no amplifier that is not.
    bias = lifecycle.verified("Trends", "bias")
    assert set(bias["N"]) == {3.0}
    noise = bias[(bias["quantity"] == "NOISE") & (bias["detector"] == 4)]
    grown = noise[np.asarray(noise["amplifier"]).astype(str) == "C03"]
    # The amplifier whose noise grew on the second night stands out.
    assert grown["SLOPE"][0] == max(noise["SLOPE"])
