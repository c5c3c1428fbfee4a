"""Companions of exposures as the observatory writes them."""

import json

import numpy as np
from astropy.io import fits

TIMES = np.linspace(0.0, 5.0, 51)
CURRENTS = np.where((TIMES > 1) & (TIMES < 3), -1e-9, -1e-11)


def write_two_columns(folder, day_obs=20261109, seq_num=7):
    path = folder / f"Photodiode_Readings_{day_obs}_{seq_num:06d}.txt"
    np.savetxt(path, np.column_stack([TIMES, CURRENTS]))
    return path


def write_electrometer(folder, group, name="EM103_O_20261109_000007.fits", **cards):
    header = fits.Header()
    header["GROUPID"] = group
    header["INSTRUME"] = "Electrometer_index_103"
    header["LOCATN"] = "MainTel"
    header.update(cards)
    columns = [
        fits.Column("Elapsed Time", "J", array=np.arange(TIMES.size)),
        fits.Column("RNUM", "D", array=TIMES),
        fits.Column("Signal", "D", array=CURRENTS),
    ]
    table = fits.BinTableHDU.from_columns(columns)
    path = folder / name
    fits.HDUList([fits.PrimaryHDU(header=header), table]).writeto(path)
    return path


def write_ecsv(folder, obs_id, name="MC_O_20261109_000007_photodiode.ecsv"):
    """One row with vectors, as ip_isr keeps it."""
    n = TIMES.size
    times, currents = (
        "[" + ",".join(repr(float(x)) for x in values) + "]"
        for values in (TIMES, CURRENTS)
    )
    path = folder / name
    path.write_text(
        "# %ECSV 1.0\n# ---\n# datatype:\n"
        f"# - {{name: TIME, datatype: string, subtype: 'float64[{n}]'}}\n"
        f"# - {{name: CURRENT, datatype: string, subtype: 'float64[{n}]'}}\n"
        f"# meta: {{obsId: {obs_id}, OBSTYPE: PHOTODIODE}}\n"
        f"# schema: astropy-2.0\nTIME CURRENT\n{times} {currents}\n"
    )
    return path


def write_shutter(folder, obs_id, *, is_open=True, version=2.0, **changes):
    """A blade that moves 750 mm in 0.9 s."""

    def moment(second):
        isot, mjd = f"2026-11-10T02:00:{second:06.3f}", 61354.0 + second / 86400
        if version == 1.0:
            return {"tai": isot, "mjd": mjd}
        return {"tai": {"isot": isot, "mjd": mjd}}

    def sample(second, **values):
        at = moment(second)
        return {**(at if version != 1.0 else {"time": at}), **values}

    seconds = np.linspace(0.0, 0.9, 10)
    content = {
        "fileName": "shutter.json",
        "fileType": "shutterMotionProfile",
        "obsId": obs_id,
        "version": version,
        "motionProfile": {
            "startTime": moment(0.0),
            "startPosition": 0.0,
            "targetPosition": 750.0,
            "endPosition": 750.1,
            "targetDuration": 900,
            "actionDuration": 901,
            "side": "PLUSX",
            "isOpen": is_open,
            "encodeSamples": [sample(s, position=s / 0.9 * 750) for s in seconds],
            "hallTransitions": [
                sample(s, position=s / 0.9 * 750, sensorId=i, isOn=True)
                for i, s in enumerate(seconds[1:])
            ],
            "fitResults": {"Model": "ThreeJerksModelv1"},
        },
        **changes,
    }
    kind = "Open" if is_open else "Close"
    path = folder / f"{obs_id}_shutterMotionProfile{kind}.json"
    path.write_text(json.dumps(content))
    return path
