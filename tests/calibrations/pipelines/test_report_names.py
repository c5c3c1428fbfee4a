"""Rubin's cpv_report.py finds its datasets in our repositories, under its own names."""

import json

import pytest
from lsst.daf.butler import Butler

RUN = {"instrument"}
FILTER_RUN = {"instrument", "physical_filter"}
EXPOSURE = {"instrument", "exposure"}

DETECTOR = {"instrument", "detector"}
FILTER_DETECTOR = {*DETECTOR, "physical_filter"}

# Its table of names for what is built here, but the *_config, which upstream's own
# pipelines no longer write.
LOOKED_FOR = {
    "bias": DETECTOR,
    "biasMosaic8": RUN,
    "verifyBiasResults": RUN,
    "verifyBiasResidual8": EXPOSURE,
    "cpBiasCore_metrics": RUN,
    "cpBiasCore_biasReadNoisePerAmp_FocalPlaneGeometryPlot": RUN,
    "cpBiasCore_biasMeanPerAmp_FocalPlaneGeometryPlot": RUN,
    "cpBiasCore_biasNoisePerAmp_FocalPlaneGeometryPlot": RUN,
    "cpBiasCore_biasCrNoisePerAmp_FocalPlaneGeometryPlot": RUN,
    "cpBiasCore_biasCornerMeanPerAmp_FocalPlaneGeometryPlot": RUN,
    "dark": DETECTOR,
    "darkMosaic8": RUN,
    "verifyDarkResults": RUN,
    "verifyDarkResidual8": EXPOSURE,
    "flat": FILTER_DETECTOR,
    "flatMosaic8": FILTER_RUN,
    "verifyFlatResults": FILTER_RUN,
    "verifyFlatResidual8": EXPOSURE,
    "cpFlatCore_flatMeanPerAmp_FocalPlaneGeometryPlot": FILTER_RUN,
    "cpFlatCore_flatNoisePerAmp_FocalPlaneGeometryPlot": FILTER_RUN,
    "cpFlatDetMergeCore_flatTestsByDate_GridPlot": FILTER_DETECTOR,
    "cpFlatDetMergeCore_flatMeansByDate_GridPlot": FILTER_DETECTOR,
    "cpFlatDetMergeCore_flatNoiseByDate_GridPlot": FILTER_DETECTOR,
    "cpFlatDetMergeCore_flatNoiseByMean_GridPlot": FILTER_DETECTOR,
}
# Those of analysis_tools that it does not look for.
ALSO_THERE = {
    **{
        f"cpBiasDetCore_{tool}_GridPlot": DETECTOR
        for tool in (
            "biasMeanByDate",
            "biasStdByDate",
            "biasROCornerByDate",
            "biasTestsByDate",
        )
    },
    **{
        f"cpDarkDetCore_{tool}_GridPlot": DETECTOR
        for tool in ("darkMeanByDate", "darkStdByDate", "darkTestsByDate")
    },
    "cpFlatDetCore_flatTestsByDate_GridPlot": FILTER_DETECTOR,
    **{
        f"cpBiasExtended_{tool}": RUN
        for tool in (
            "biasMinimumPerAmp_FocalPlaneGeometryPlot",
            "biasMaximumPerAmp_FocalPlaneGeometryPlot",
            "biasShiftCountPerAmp_FocalPlaneGeometryPlot",
            "ampBiasSerialProfileScatter_GridPlot",
            "ampBiasSerialProfileHist_GridPlot",
            "ampBiasParallelProfileScatter_GridPlot",
            "ampBiasParallelProfileHist_GridPlot",
        )
    },
    "cpDarkExtended_darkMinimumPerAmp_FocalPlaneGeometryPlot": RUN,
    "cpDarkExtended_darkMaximumPerAmp_FocalPlaneGeometryPlot": RUN,
    "cpFlatExtended_flatMinimumPerAmp_FocalPlaneGeometryPlot": FILTER_RUN,
    "cpFlatExtended_flatMaximumPerAmp_FocalPlaneGeometryPlot": FILTER_RUN,
}
COLLECTIONS = [
    f"{step}/{kind}" for step in ("verify", "gen") for kind in ("bias", "dark", "flat")
]


@pytest.fixture(scope="module")
def butler(lifecycle):
    with Butler.from_config(str(lifecycle.repository)) as butler:
        yield butler


@pytest.mark.parametrize("name", [*LOOKED_FOR, *ALSO_THERE])
def test_a_dataset_the_report_looks_for_is_there(butler, name):
    dimensions = set(butler.get_dataset_type(name).dimensions.required)
    assert dimensions == {**LOOKED_FOR, **ALSO_THERE}[name]
    refs = list(
        butler.registry.queryDatasets(name, collections=COLLECTIONS, findFirst=True)
    )
    assert refs
    assert all(butler.stored(ref) for ref in refs)


def test_results_are_tables_and_plots_are_pictures(butler):
    def extension(name):
        ref = next(iter(butler.registry.queryDatasets(name, collections=COLLECTIONS)))
        return butler.getURI(ref).getExtension()

    assert butler.get_dataset_type("verifyFlatResults").storageClass_name == (
        "ArrowAstropy"
    )
    assert extension("verifyFlatResults") == ".parq"
    assert extension("cpBiasCore_metrics") == ".json"
    assert extension("cpBiasCore_biasMeanPerAmp_FocalPlaneGeometryPlot") == ".png"


def test_metrics_are_json_in_the_shape_of_analysis_tools(butler):
    ref = next(
        iter(
            butler.registry.queryDatasets("cpBiasCore_metrics", collections=COLLECTIONS)
        )
    )
    document = json.loads(butler.getURI(ref).read())
    assert set(document) == {
        "biasReadNoisePerAmp",
        "biasMeanPerAmp",
        "biasNoisePerAmp",
        "biasCrNoisePerAmp",
        "biasCornerMeanPerAmp",
    }
    (noise,) = document["biasNoisePerAmp"]
    assert set(noise) == {"metric", "value", "unit"}
    assert noise["unit"] == "electron"
    assert 5 < noise["value"] < 10
    assert document["biasReadNoisePerAmp"][0]["unit"] == "adu"
    # And the Butler gives it back as an object.
    assert butler.get(ref)["biasNoisePerAmp"] == [noise]
