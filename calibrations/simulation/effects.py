"""What a plan may switch on beyond gain, noise and a fixed response: all off at first.

Plain Python. Each number is the size of an effect; 0 (or nothing) is without it. What
was drawn for a detector is in its truth, not here.
"""

from dataclasses import dataclass

__all__ = ["NO_EFFECTS", "Effects", "full_effects"]


@dataclass(frozen=True)
class Effects:
    """How strong each effect is; a range is what amplifiers are drawn from."""

    a00: float = 0.0
    """Brighter-fatter: relative change of a pixel's own area per electron; negative.
    At 0 flats have the older, simpler model and nothing else has any."""

    nonlinearity: tuple[float, float] = (0.0, 0.0)
    """Relative signal missing at 100 000 electrons."""

    global_cti: tuple[float, float] = (0.0, 0.0)
    """Fraction of a pixel left behind in each serial transfer."""

    drift_scale: tuple[float, float] = (0.0, 0.0)
    """Local offset that a pixel leaves at the output, relative to its signal."""

    decay_time: tuple[float, float] = (2.0, 2.8)
    """Of the local offset, in transfers."""

    trap_size_e: tuple[float, float] = (0.0, 0.0)
    """Most electrons that the serial trap holds."""

    trap_fraction: tuple[float, float] = (0.06, 0.10)
    """Of a pixel's electrons, caught until the trap is full."""

    trap_time: tuple[float, float] = (0.3, 0.5)
    """Of the trap's exponential release, in transfers."""

    crosstalk: float = 0.0
    """Largest coefficient, that of neighbouring amplifiers; others are fainter."""

    crosstalk_squared: float = 0.0
    """Scatter of the quadratic coefficients, per electron."""

    fringe_amplitude: float = 0.0
    """Standard deviation of the fringes relative to the sky, in science exposures."""

    vignetting: float = 0.0
    """Relative light missing in the corner of the camera, falling as r to the 6th."""

    dust: int = 0
    """Grains whose shadows lie on each detector."""

    dust_depth: float = 0.04
    tearing: float = 0.0
    """Relative change of the columns along the amplifiers' borders in flats."""

    cosmic_rays_per_s: float = 0.0
    """Per second and million pixels, in all but flats and biases."""

    stars: int = 0
    """Per amplifier and science exposure."""

    star_sigma: float = 2.0
    """Of a star's Gaussian, in pixels."""

    star_peak_e: tuple[float, float] = (20000.0, 100000.0)
    planted_defects: int = 0
    """Of each kind and amplifier, instead of the ones at random. Their place and size
    are in the truth; they stand at twice what each search asks for."""


NO_EFFECTS = Effects()


def full_effects() -> Effects:
    """Everything, at sizes that Rubin's cameras have.

    Crosstalk has the cameras' largest coefficients and a quadratic term of their size.
    """
    return Effects(
        a00=-3.0e-6,
        nonlinearity=(0.004, 0.012),
        global_cti=(2e-7, 8e-7),
        drift_scale=(1.0e-4, 3.0e-4),
        trap_size_e=(4.0, 8.0),
        crosstalk=3e-4,
        crosstalk_squared=8e-11,
        fringe_amplitude=0.02,
        vignetting=0.03,
        dust=2,
        tearing=0.004,
        cosmic_rays_per_s=1.0,
        stars=2,
        planted_defects=3,
    )
