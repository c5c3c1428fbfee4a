"""Curated calibrations in the observatory's layout."""

import numpy as np
from astropy.table import Table


def write_defects(folder, detector, boxes, begin="19700101T000000", **meta):
    """``boxes`` are x0, y0, width, height."""
    columns = list(zip(*boxes, strict=True)) if boxes else [[], [], [], []]
    table = Table(
        [np.array(column, dtype=float) for column in columns],
        names=("x0", "y0", "width", "height"),
    )
    table.meta = {"OBSTYPE": "manual_defects", **meta}
    path = folder / detector.lower() / f"{begin}.ecsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    table.write(path, format="ascii.ecsv", overwrite=True)
    return path


def matrix_of(n, seed=3):
    """Linear coefficients [source, target] that differ from their transpose."""
    rng = np.random.default_rng(seed)
    coeffs = rng.uniform(1e-6, 1e-4, (n, n))
    np.fill_diagonal(coeffs, 0.0)
    return coeffs


def write_crosstalk(
    folder,
    detector,
    coeffs,
    *,
    squared=None,
    begin="19700101T000000",
    units="electron",
    valid=None,
    gains=None,
    **meta,
):
    """One row with vectors in it, source by source."""
    n = len(coeffs)
    squared = np.zeros((n, n)) if squared is None else squared
    valid = np.ones((n, n), bool) if valid is None else valid
    columns = {
        "CT_COEFFS": (coeffs, "float64"),
        "CT_ERRORS": (0.01 * coeffs, "float64"),
        "CT_COUNTS": (np.full((n, n), 50), "int64"),
        "CT_VALID": (valid, "bool"),
        "CT_COEFFS_SQR": (squared, "float64"),
    }
    if gains is not None:
        columns["CT_FIT_GAINS"] = (np.asarray(gains), "float64")
    lines = ["# %ECSV 1.0", "# ---", "# datatype:"]
    cells = []
    for name, (values, kind) in columns.items():
        flat = np.ravel(values)
        subtype = f"{kind}[{flat.size}]"
        lines.append(f"# - {{name: {name}, datatype: string, subtype: '{subtype}'}}")
        text = ",".join(
            str(v).lower() if kind == "bool" else repr(v.item()) for v in flat
        )
        cells.append(f"[{text}]")
    lines.append("# meta:")
    for key, value in {"CROSSTALK_RATIOS_UNITS": units, **meta}.items():
        lines.append(f"#   {key}: {value}")
    lines += ["# schema: astropy-2.0", " ".join(columns), " ".join(cells)]
    path = folder / detector.lower() / f"{begin}.ecsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path
