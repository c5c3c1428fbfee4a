"""The filters of each camera and their bands, by the name they have in the Butler.

Plain Python. Names and bands are those of obs_lsst's ``filters.py``. Two elements in
the beam are joined by ``~``; an empty place beside a filled one is left out.
"""

from collections.abc import Mapping

__all__ = ["FILTERS"]

NONE = {"empty": "white", "none": "white", "unknown": "unknown"}

_COMCAM = {
    "u_02": "u",
    "u_05": "u",
    "u_06": "u",
    "g_01": "g",
    "g_07": "g",
    "r_03": "r",
    "i_06": "i",
    "z_02": "z",
    "z_03": "z",
    "y_04": "y",
    "pinhole": "white",
    "OG590_2_5mm": "OG590",
    **NONE,
}

_SKY = {
    "u_24": "u",
    "g_6": "g",
    "r_57": "r",
    "i_39": "i",
    "z_20": "z",
    "y_10": "y",
    "ph_5": "white",
    "ef_43": "white",
}
"""What LSSTCam has on the telescope."""

_BENCH = {
    "SDSSu": "u",
    "SDSSg": "g",
    "SDSSr": "r",
    "SDSSi": "i",
    "SDSSz": "z",
    "SDSSY": "y",
    "480nm": "g",
    "650nm": "r",
    "750nm": "i",
    "870nm": "z",
    "950nm": "y",
    "970nm": "y",
    "grid": "grid",
    "spot": "spot",
    "sparsegrid": "sparsegrid",
    "streak": "streak",
    "ellipses": "ellipses",
}
"""Wheels of the optical bench that LSSTCam was tested on."""

_NEUTRAL = tuple(
    f"ND_OD{density}"
    for density in (0.01, 0.05, 0.1, 0.3, 0.4, 0.5, 0.7, 1.0, 2.0, 3.0, 4.0)
)

_LAMPS = {
    "HIGH": "white",
    "LOW": "white",
    "uv": "u",
    "blue": "g",
    "red": "r",
    "nm750": "i",
    "nm850": "z",
    "nm960": "y",
}
"""Diodes of the calibration projector (CCOB), named in place of a filter."""


def _lsstcam() -> dict[str, str]:
    filters = {**_SKY, **NONE, **_BENCH, **_LAMPS}
    for neutral in _NEUTRAL:
        filters[neutral] = "white~nd"
        for name, band in _BENCH.items():
            filters[f"{name}~{neutral}"] = f"{band}~nd"
    for lamp, light in _LAMPS.items():
        for name, band in {**_SKY, "none": "white"}.items():
            if "white" in (band, light) or band == light:
                filters[f"{name}~{lamp}"] = light if band == "white" else band
    return filters


_SDSS = {f"SDSS{band}_65mm": band for band in "ugrizy"}

_WHEEL = {
    "empty": "white",
    "unknown": "unknown",
    "none": "white",
    "blank_bk7_wg05": "white",
    "collimator": "white",
    "cyl_lens": "white",
    "KPNO_1111_436nm": "g",
    "KPNO_373A_677nm": "r",
    "KPNO_406_828nm": "z",
    "BG40": "g",
    "BG40_65mm_1": "g",
    "BG40_65mm_2": "g",
    "quadnotch1": "notch",
    "RG610": "r",
    "OG550_65mm_1": "g",
    "OG550_65mm_2": "g",
    "FELH0600": "r",
    "SDSSg": "g",
    "SDSSr": "r",
    "SDSSi": "i",
    **_SDSS,
}
"""What LATISS's filter wheel has held; the band of OG550 is upstream's choice."""

_PINHOLES = tuple(
    f"pinhole_{plate}_{size}"
    for plate in ("1", "2_1", "2_2", "2_3", "2_4")
    for size in ("1000", "0500", "0200", "0100")
)
_GRATINGS = (
    "empty",
    "unknown",
    "none",
    "ronchi90lpmm",
    "ronchi170lpmm",
    "holo4_001",
    "holo4_003",
    "blue300lpmm_qn1",
    *_PINHOLES,
)


def _latiss() -> dict[str, str]:
    filters = {"unknown": "unknown", "diffuser": "diffuser"}
    filters |= {
        f"{name}~{grating}": band
        for name, band in _WHEEL.items()
        for grating in _GRATINGS
    }
    return filters | {f"empty~{name}": band for name, band in _SDSS.items()}


FILTERS: Mapping[str, Mapping[str, str]] = {
    "LSSTComCam": _COMCAM,
    "LSSTComCamSim": _COMCAM,
    "LATISS": _latiss(),
    "LSSTCam": _lsstcam(),
}
"""Band of each physical filter, by instrument."""
