"""Rubin's cpv_report.py finds its datasets in our repositories, under its own names."""

import json
from functools import cache

import pytest
from lsst.daf.butler import Butler
from lsst.pipe.base import Pipeline

from calibrations.pipelines.core_tools import ANALYSES
from calibrations.services.orders import PIPELINES

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
# Those of types that this module does not run: where a pipeline declares them.
DECLARED = {
    "defects": ("defects", DETECTOR),
    "verifyDefectsResults": ("verifyDefects", RUN),
    "cpDefectCore_defectsPixelsFrac_FocalPlaneGeometryPlot": ("verifyDefects", RUN),
    "ptc": ("ptc", DETECTOR),
    "verifyPtcResults": ("verifyPtc", RUN),
    "cpPtcCore_metrics": ("verifyPtc", RUN),
    "cpPtcCore_ptcGainPerAmp_FocalPlaneGeometryPlot": ("verifyPtc", RUN),
    "cpPtcCore_ptcNoisePerAmp_FocalPlaneGeometryPlot": ("verifyPtc", RUN),
    "cpPtcCore_ptcA00PerAmp_FocalPlaneGeometryPlot": ("verifyPtc", RUN),
    "cpPtcCore_ptcTurnoffPerAmp_FocalPlaneGeometryPlot": ("verifyPtc", RUN),
    "cpPtcCore_ptcRowMeanVarianceSlopePerAmp_FocalPlaneGeometryPlot": (
        "verifyPtc",
        RUN,
    ),
    "cpPtcDetCore_ptcPlot_GridPlot": ("verifyPtc", DETECTOR),
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


@cache
def outputs_of(uri):
    """Dimensions of every dataset type that a pipeline writes, by name."""
    graph = Pipeline.from_uri(uri).to_graph()
    return {
        edge.parent_dataset_type_name: set(edge.raw_dimensions)
        for task in graph.tasks.values()
        for edge in task.outputs.values()
    }


@pytest.mark.parametrize("order", PIPELINES)
@pytest.mark.parametrize("name", DECLARED)
def test_the_other_types_write_what_the_report_looks_for(name, order):
    """In both orders of construction."""
    pipeline, dimensions = DECLARED[name]
    assert outputs_of(PIPELINES[order][pipeline])[name] == dimensions


@pytest.mark.parametrize(
    ("order", "pipeline"),
    [(o, p) for o in PIPELINES for p in PIPELINES[o] if p.startswith("verify")],
)
def test_every_verification_has_its_tests_and_metrics(order, pipeline):
    outputs = set(outputs_of(PIPELINES[order][pipeline]))
    assert {f"{pipeline}{table}" for table in ("Stats", "Results", "Tests")} <= outputs
    kind = {"Defects": "Defect"}.get(name := pipeline.removeprefix("verify"), name)
    assert f"cp{kind}Core_metrics" in outputs


def test_columns_that_the_analyses_read_have_upstreams_names():
    """Of cpCore.yaml and cpExtended.yaml; a column of another name shows nothing."""
    columns = {
        tool: plane.column
        for analysis in ANALYSES.values()
        for tool, plane in analysis.planes.items()
    }
    assert {
        "biasReadNoisePerAmp": "BIAS_READ_NOISE_ADU",
        "biasCornerMeanPerAmp": "BIAS_AMP_CORNER",
        "darkMedianPerAmp": "DARK_DARK_DIST_50.0_PCT",
        "dark95pPerAmp": "DARK_DARK_DIST_95.0_PCT",
        "biasMinimumPerAmp": "BIAS_BIAS_DIST_0.0_PCT",
        "flatMaximumPerAmp": "FLAT_FLAT_DIST_100.0_PCT",
        "biasShiftCountPerAmp": "BIAS_BIAS_SHIFT_COUNT",
        "ptcGainPerAmp": "PTC_PTC_GAIN",
        "ptcNoisePerAmp": "PTC_PTC_NOISE",
        "ptcA00PerAmp": "PTC_PTC_BFE_A00",
        "ptcTurnoffPerAmp": "PTC_PTC_TURNOFF",
        "ptcMaxPerAmp": "PTC_PTC_MAX_RAW_MEANS",
        "ptcRowMeanVarianceSlopePerAmp": "PTC_PTC_ROW_MEAN_VARIANCE_SLOPE",
        "defectsPixels": "DEFECTS_DEFECT_PIXELS",
        "defectsPixelsFrac": "DEFECTS_FRAC",
    }.items() <= columns.items()


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
