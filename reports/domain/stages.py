"""Which verification belongs to which generation, by their names. Plain Python."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from calibrations.domain.graph import specification
from calibrations.domain.names import CollectionKind, CollectionName, parse_name
from taxicab.errors import InputError

__all__ = ["StagePlan", "plan_stages"]


@dataclass(frozen=True)
class StagePlan:
    """A generation and its verification; either may be absent."""

    key: str
    """Names its files: ``bias``, or ``bias-20261123b`` where there are several."""
    label: str
    """Type and band: ``flat-r``."""
    calib_type: str
    band: str
    generation: str
    verification: str
    physical_filter: str = ""
    """Where a run holds several: the one that is meant."""

    @property
    def is_verified(self) -> bool:
        """Whether there are tests of the type; some only serve to make others."""
        return specification(self.calib_type).is_verified

    @property
    def is_image(self) -> bool:
        """Whether it is an image, not a table."""
        return bool(specification(self.calib_type).units)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Name what is verified, as in ``verify{Kind}``: a curve's gains as well."""
        found = specification(self.calib_type)
        stems = [found.verification] if found.verification else []
        return tuple(s.removeprefix("verify") for s in (*stems, *found.also_verified))

    @property
    def tests_datasets(self) -> tuple[str, ...]:
        """Dataset types of the verification's tables of tests, its own first."""
        return tuple(f"verify{kind}Tests" for kind in self.kinds)

    @property
    def residual_datasets(self) -> tuple[str, ...]:
        """Dataset types that may hold residuals, the finest first."""
        return tuple(
            f"verify{kind}{image}"
            for kind in self.kinds[:1]
            for image in ("IsrExp", "IsrExpBin8")
        )

    @property
    def mosaic_datasets(self) -> tuple[str, ...]:
        """Dataset types of the focal plane's mosaics: of itself, then of residuals."""
        return (
            f"{self.calib_type}Mosaic8",
            *(f"verify{kind}Residual8" for kind in self.kinds[:1]),
        )

    @property
    def plot_datasets(self) -> tuple[str, ...]:
        """Patterns of the plots that the verification drew amplifier by amplifier."""
        # Upstream's analyses of defects have a singular in their names.
        stems = ("Defect" if kind == "Defects" else kind for kind in self.kinds)
        return tuple(
            f"cp{stem}{tail}"
            for stem in stems
            for tail in ("*_GridPlot", "Core_*_FocalPlaneGeometryPlot")
        )

    @property
    def metric_datasets(self) -> tuple[str, ...]:
        """Dataset types of the core metrics: medians over everything."""
        stems = ("Defect" if kind == "Defects" else kind for kind in self.kinds)
        return tuple(f"cp{stem}Core_metrics" for stem in stems)

    @property
    def missing(self) -> str:
        """What is absent, in a sentence; empty when nothing is."""
        if not self.verification and self.is_verified:
            return f"{self.generation} was not verified: nothing is known of it."
        if not self.generation:
            return f"{self.verification} is here without the generation that it tested."
        return ""


def plan_stages(
    generations: Sequence[str],
    verifications: Sequence[str],
    *,
    verified: Mapping[str, str] | None = None,
) -> list[StagePlan]:
    """Pair generations with verifications, in the order of construction.

    Parameters
    ----------
    verified
        For a verification the generation that it tested, where this is on record. One
        that is not goes with the generation of its type and band, when there is one
        alone.

    Raises
    ------
    InputError
        Raised for a name that is neither a generation's nor a verification's.
    """
    made = {name: _parse(name, CollectionKind.GENERATION) for name in generations}
    tests = {name: _parse(name, CollectionKind.VERIFICATION) for name in verifications}
    pairs: list[tuple[CollectionName, str, str]] = []
    left = list(made)
    for name, parts in tests.items():
        generation = _tested(name, parts, made, verified or {})
        pairs.append((parts, generation, name))
        if generation in left:
            left.remove(generation)
    pairs += [(made[name], name, "") for name in left]
    pairs.sort(key=_order)
    labels = Counter(_label(parts) for parts, _, _ in pairs)
    return [
        StagePlan(
            key=_label(p) if labels[_label(p)] == 1 else f"{_label(p)}-{p.rerun}",
            label=_label(p),
            calib_type=str(p.type),
            band=p.band or "",
            generation=generation,
            verification=verification,
        )
        for p, generation, verification in pairs
    ]


def _parse(name: str, kind: CollectionKind) -> CollectionName:
    parts = parse_name(name)
    if parts.kind is not kind:
        raise InputError(
            f"{name} is a {parts.kind} collection; a report takes generation and "
            f"verification runs, and this one was given as a {kind}.",
            collection=name,
        )
    return parts


def _tested(
    name: str,
    parts: CollectionName,
    made: Mapping[str, CollectionName],
    verified: Mapping[str, str],
) -> str:
    if name in verified:
        return verified[name] if verified[name] in made else ""
    same = [g for g, other in made.items() if _label(other) == _label(parts)]
    return same[0] if len(same) == 1 else ""


def _label(parts: CollectionName) -> str:
    return f"{parts.type}-{parts.band}" if parts.band else str(parts.type)


def _order(pair: tuple[CollectionName, str, str]) -> tuple[int, str, str, str]:
    parts, generation, verification = pair
    assert parts.type is not None
    types = list(type(parts.type))
    return types.index(parts.type), parts.band or "", generation, verification
