"""Verification pipelines without what only sums up and draws.

Figures take most of the time of a small verification. That they are drawn, and of what,
is tested with the pipelines; who runs them to tell a longer story leaves them out.
"""

LEFT_OUT = {
    "verifyDefects": ["mosaicDefectsExp8", "analyzeDefectCore"],
    "verifyLinearizer": ["analyzeLinearizerCore"],
    "verifyCti": ["analyzeCtiCore"],
    "verifyBfk": ["analyzeBfkCore"],
    "verifyPtc": ["analyzePtcCore", "analyzePtcDetCore", "analyzeGainCore"],
    "verifyCrosstalk": ["analyzeCrosstalkCore"],
    **{
        f"verify{name}": [
            f"mosaic{name}Exp8",
            f"verify{name}Trends",
            *(f"analyze{name}{part}" for part in ("Core", "Extended", *more)),
        ]
        for name, more in (
            ("Bias", ["DetCore"]),
            ("Dark", ["DetCore"]),
            ("Flat", ["DetCore", "DetMergeCore"]),
        )
    },
}


def brief_pipelines(folder, names=tuple(LEFT_OUT), *, room=""):
    """Write a site's own pipelines, made of those in a room; give their paths."""
    folder.mkdir()
    found = {}
    for name in names:
        stem = "verifyPtcAndGain" if name == "verifyPtc" else name
        place = "" if name == "verifyDefects" else room
        path = folder / f"{name}.yaml"
        path.write_text(
            f"description: {name} without sums\n"
            f"imports:\n  - location: "
            f"resource://calibrations/pipelines/{place}{stem}.yaml\n"
            f"    exclude: [{', '.join(LEFT_OUT[name])}]\n"
        )
        found[name] = str(path)
    return found
