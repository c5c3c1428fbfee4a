"""Configuration of what is measured on pairs of flats. Field names are upstream's."""

from datetime import UTC, datetime

from lsst.pex.config import ChoiceField, Config, Field

from calibrations.imaging.brighter_fatter_correlations import Average, KernelSettings
from calibrations.imaging.gains import GainCorrection
from calibrations.imaging.ptc import FitType, PtcSettings
from calibrations.imaging.ptc_gain_ratios import RatioSettings
from calibrations.imaging.ptc_outliers import OutlierSettings
from calibrations.imaging.ptc_pairs import PairBy, PairSettings
from calibrations.pipelines.configs import ApplyConfig

__all__ = ["KernelConfig", "PairConfig", "PtcConfig", "RatioConfig"]


class PairConfig(ApplyConfig):
    """How flats are paired and a pair is measured."""

    creationTime = Field(
        dtype=str,
        default="",
        doc=(
            "ISO-8601 time (UTC) that products tell as theirs; by default the time the "
            "configuration was made, which is kept with the quantum graph."
        ),
    )
    matchExposuresType = ChoiceField(
        dtype=str,
        default=PairBy.TIME.value,
        allowed={
            PairBy.TIME.value: "Flats of equal exposure time.",
            PairBy.FLUX.value: "Flats of equal flux, as the header tells it.",
            PairBy.EXPID.value: "Each flat and the next.",
        },
        doc="What the two flats of a pair have in common.",
    )
    timeTolerance = Field(
        dtype=float, default=5e-3, doc="Exposure times this close are equal (s)."
    )
    fluxTolerance = Field(
        dtype=float, default=0.0, doc="Fluxes this close are equal (header's unit)."
    )
    matchExposuresByFluxKeyword = Field(
        dtype=str, default="CCOBFLUX", doc="Header keyword of the flux."
    )
    nSigmaClipPtc = Field(dtype=float, default=5.5, doc="Clipping of a pair, in sigma.")
    nIterSigmaClipPtc = Field(dtype=int, default=3, doc="Clipping passes.")
    maximumRangeCovariancesAstier = Field(
        dtype=int, default=10, doc="Lags of the covariances along each axis."
    )
    minNumberGoodPixelsForCovariance = Field(
        dtype=int,
        default=10000,
        doc="Good pixels an amplifier needs, or half of its pixels if it has fewer.",
    )
    numEdgeSuspect = Field(
        dtype=int,
        default=20,
        doc="Pixels left out along the border of an amplifier; a twentieth at most.",
    )
    gainCorrectionType = ChoiceField(
        dtype=str,
        default=GainCorrection.FULL.value,
        allowed={
            GainCorrection.NONE.value: "None.",
            GainCorrection.FULL.value: "Read noise and the number of electrons.",
        },
        doc="Correction of the gain of a pair.",
    )

    def setDefaults(self) -> None:
        """Apply what comes before in DMTN-222; note the time, to the second."""
        super().setDefaults()
        self.applies = ["bias", "dark", "defects"]
        self.creationTime = (
            datetime.now(UTC).replace(tzinfo=None).isoformat("T", "seconds")
        )

    def pair_settings(self) -> PairSettings:
        """Give the choices in the form the image code takes."""
        return PairSettings(
            clip_sigma=self.nSigmaClipPtc,
            clip_passes=self.nIterSigmaClipPtc,
            n_lags=self.maximumRangeCovariancesAstier,
            min_good_pixels=self.minNumberGoodPixelsForCovariance,
            edge_pixels=self.numEdgeSuspect,
            gain_correction=GainCorrection(self.gainCorrectionType),
        )


class PtcConfig(PairConfig):
    """How a photon transfer curve is fitted."""

    ptcFitType = ChoiceField(
        dtype=str,
        default=FitType.EXPAPPROXIMATION.value,
        allowed={
            FitType.EXPAPPROXIMATION.value: "Variances, Astier+19 equation 16.",
            FitType.FULLCOVARIANCE_NO_B.value: "Covariances, equation 20, b = 0.",
            FitType.FULLCOVARIANCE.value: "Covariances, Astier+19 equation 20.",
        },
        doc="Model of the curve.",
    )
    maxSignalInitialPtcOutlierFit = Field(
        dtype=float, default=50000.0, doc="Signal up to which the first fit goes."
    )
    maxDeltaInitialPtcOutlierFit = Field(
        dtype=float, default=9000.0, doc="Largest gap left by rejected pairs."
    )
    scaleMaxSignalInitialPtcOutlierFit = Field(
        dtype=bool, default=True, doc="These two are electrons, not ADU."
    )
    sigmaCutPtcOutliers = Field(
        dtype=float, default=5.0, doc="Outliers, in roots of the variance (adu)."
    )
    maxIterationsPtcOutliers = Field(
        dtype=int, default=2, doc="Rounds of outlier rejection."
    )
    sigmaClipFullFitCovariancesAstier = Field(
        dtype=float, default=5.0, doc="Clipping of the full fit, in sigma."
    )
    maxIterFullFitCovariancesAstier = Field(
        dtype=int, default=3, doc="Rounds of the full fit."
    )
    doModelPtcRolloff = Field(
        dtype=bool, default=False, doc="Find the turnoff by a model of the roll-off."
    )
    maxPtcRolloffDeviation = Field(
        dtype=float, default=0.01, doc="Relative deviation at which the turnoff is."
    )
    minPairs = Field(
        dtype=int, default=4, doc="Pairs without which an amplifier is bad."
    )

    def ptc_settings(self) -> PtcSettings:
        """Give the choices in the form the image code takes."""
        return PtcSettings(
            fit_type=FitType(self.ptcFitType),
            outliers=OutlierSettings(
                max_signal=self.maxSignalInitialPtcOutlierFit,
                max_gap=self.maxDeltaInitialPtcOutlierFit,
                in_electrons=self.scaleMaxSignalInitialPtcOutlierFit,
                sigma_cut=self.sigmaCutPtcOutliers,
                max_iterations=self.maxIterationsPtcOutliers,
                max_rolloff_deviation=self.maxPtcRolloffDeviation,
            ),
            model_rolloff=self.doModelPtcRolloff,
            clip_sigma=self.sigmaClipFullFitCovariancesAstier,
            max_iterations=self.maxIterFullFitCovariancesAstier,
            min_pairs=self.minPairs,
        )


class RatioConfig(Config):
    """How gains are adjusted to one another."""

    doAdjustGainRatios = Field(
        dtype=bool,
        default=False,
        doc=(
            "Adjust the ratios of the gains by the steps between amplifiers on flats. "
            "Only where these are gains: amplifiers of one efficiency, even light."
        ),
    )
    nFlats = Field(dtype=int, default=50, doc="Flats to adjust by, at most.")
    minAdu = Field(dtype=float, default=1000.0, doc="Faintest of them (adu).")
    maxAdu = Field(dtype=float, default=20000.0, doc="Brightest of them (adu).")
    binFactor = Field(dtype=int, default=8, doc="Side of a bin, in pixels.")
    ampBoundary = Field(
        dtype=int, default=20, doc="Pixels left out along an amplifier's border."
    )
    radialNodes = Field(
        dtype=int, default=20, doc="Nodes of the radial spline; 0: none (LATISS)."
    )
    chebyshevOrder = Field(
        dtype=int, default=1, doc="Order of the gradient removed (LATISS: 2)."
    )
    maxFractionalGainRatio = Field(
        dtype=float, default=0.05, doc="Amplifiers further off are left alone."
    )
    maxNoiseReference = Field(
        dtype=float, default=12.0, doc="Most read noise of a reference (electron)."
    )
    turnoffPercentileReference = Field(
        dtype=float, default=25.0, doc="The reference turns off above this percentile."
    )

    def ratio_settings(self) -> RatioSettings:
        """Give the choices in the form the image code takes."""
        return RatioSettings(
            bin_size=self.binFactor,
            boundary=self.ampBoundary,
            n_radial_nodes=self.radialNodes,
            order=self.chebyshevOrder,
            max_deviation=self.maxFractionalGainRatio,
            max_noise_e=self.maxNoiseReference,
            turnoff_percentile=self.turnoffPercentileReference,
        )


class KernelConfig(Config):
    """How a brighter-fatter kernel is made."""

    average = ChoiceField(
        dtype=str,
        default=Average.WEIGHTED.value,
        allowed={
            Average.WEIGHTED.value: "Of all pairs, weighted by signal squared.",
            Average.CLIPPED_MEAN.value: "Of all pairs, unweighted (upstream).",
            Average.QUADRATIC.value: "Slope of the covariances on signal squared.",
            Average.A_MATRIX.value: "Coefficients of a full fit.",
            Average.MODEL.value: "Full fit's covariances at one signal.",
        },
        doc="How the correlations of the pairs become one.",
    )
    level = ChoiceField(
        dtype=str,
        default="AMP",
        allowed={
            "AMP": "Each amplifier has its own kernel.",
            "DETECTOR": "All amplifiers have the kernel of their mean correlations.",
            "AUTO": (
                "AMP if the largest value that a valid kernel may have is three "
                "standard errors, else DETECTOR, of no more lags than make it so."
            ),
        },
        doc="What a kernel belongs to.",
    )
    nLags = Field(
        dtype=int, default=10, doc="Lags that make a kernel (LATISS, ComCam: 8)."
    )
    nSigmaClip = Field(dtype=float, default=5.0, doc="Clipping, in sigma.")
    xcorrCheckRejectLevel = Field(
        dtype=float,
        default=2.0,
        doc="Pairs with a larger |sum q| / sum |q| are dropped.",
    )
    minSignal = Field(dtype=float, default=0.0, doc="Faintest pair (electron).")
    covModelFluxSample = Field(
        dtype=float, default=25000.0, doc="Signal the model is sampled at (electron)."
    )
    forceZeroSum = Field(
        dtype=bool, default=True, doc="Correlations add up to zero, by the central one."
    )

    nSigmaTolForValidEdge = Field(
        dtype=float, default=5.0, doc="A valid kernel's rim is this close to zero."
    )
    fractionK00ForKernelMax = Field(
        dtype=float,
        default=0.025,
        doc="A valid kernel exceeds this fraction of its centre nowhere.",
    )

    def kernel_settings(self) -> KernelSettings:
        """Give the choices in the form the image code takes."""
        return KernelSettings(
            average=Average(self.average),
            per_detector=self.level == "DETECTOR",
            n_lags=self.nLags,
            clip_sigma=self.nSigmaClip,
            max_imbalance=self.xcorrCheckRejectLevel,
            min_signal_e=self.minSignal,
            sample_signal_e=self.covModelFluxSample,
            force_zero_sum=self.forceZeroSum,
            edge_sigma=self.nSigmaTolForValidEdge,
            max_fraction=self.fractionK00ForKernelMax,
        )
