"""The ``butler`` and ``pipetask`` command lines that do what an operation does.

DMTN-222 §3 wants them in the record. They do it once, on a repository where it was not
done; the gateway also does it again without harm. Plain Python, no lsst.
"""

import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from calibrations.butler.instrument_classes import choose_instrument_class
from calibrations.butler.records import ButlerSettings, PipelineRequest

__all__ = ["command_lines", "pipeline_command"]

SKIPPED_DIMENSIONS = ("instrument", "detector", "physical_filter")


def command_lines(
    settings: ButlerSettings, operation: str, arguments: Mapping[str, Any]
) -> list[str]:
    """Spell the command lines of an operation, ready to be copied into a shell.

    Pipelines are spelled by `pipeline_command`, and reading changes nothing that a
    record would need, but for the selection of exposures.
    """
    build = _BUILDERS.get(operation)
    lines = [] if build is None else build(settings, **arguments)
    return [shlex.join(words) for words in lines]


def pipeline_command(
    settings: ButlerSettings,
    request: PipelineRequest,
    overrides: Mapping[str, Any],
    *,
    is_resumed: bool = False,
) -> str:
    """Spell the command line of a pipeline with all its configuration."""
    address = settings.pipelines.get(request.pipeline, request.pipeline)
    words = ["pipetask", "run", "-b", settings.root, "-p", address]
    if instrument := choose_instrument_class(settings, address):
        words += ["--instrument", instrument]
    words += ["-i", ",".join(request.inputs), "--output-run", request.run]
    if request.where.strip():
        words += ["-d", request.where]
    for name, value in sorted(overrides.items()):
        words += ["-c", f"{name}={value}"]
    words += ["-j", str(request.processes or settings.processes)]
    words += ["--register-dataset-types"]
    if is_resumed:
        words += ["--extend-run", "--skip-existing", "--clobber-outputs"]
    return shlex.join(words)


def _select_exposures(settings: ButlerSettings, where: str) -> Iterable[list[str]]:
    words = ["butler", "query-dimension-records", settings.root, "exposure"]
    instrument = f"instrument='{settings.instrument}'"
    whole = f"{instrument} AND ({where})" if where.strip() else instrument
    yield [*words, "--where", whole]


def _certify(
    settings: ButlerSettings,
    run: str,
    dataset_type: str,
    collection: str,
    begin_tai: str | None,
    end_tai: str | None = None,
    chain: str | None = None,
) -> Iterable[list[str]]:
    words = ["butler", "certify-calibrations", settings.root, run, collection]
    words += [dataset_type]
    words += ["--begin-date", begin_tai] if begin_tai else []
    words += ["--end-date", end_tai] if end_tai else []
    yield words


def _define_chain(
    settings: ButlerSettings, chain: str, children: Iterable[str]
) -> Iterable[list[str]]:
    words = ["butler", "collection-chain", settings.root, chain, *children]
    yield [*words, "--mode", "redefine"]


def _prepend_chain(
    settings: ButlerSettings, chain: str, child: str
) -> Iterable[list[str]]:
    words = ["butler", "collection-chain", settings.root, chain, child]
    yield [*words, "--mode", "prepend"]


def _remove_from_chain(
    settings: ButlerSettings, chain: str, child: str
) -> Iterable[list[str]]:
    words = ["butler", "collection-chain", settings.root, chain, child]
    yield [*words, "--mode", "remove"]


def _remove_run(settings: ButlerSettings, run: str) -> Iterable[list[str]]:
    yield ["butler", "remove-runs", settings.root, run, "--no-confirm"]


def _export(settings: ButlerSettings, chain: str, folder: str) -> Iterable[list[str]]:
    words = ["butler", "export-calibs", settings.root, folder, chain]
    yield [*words, "--transfer", "copy"]


def _import(
    settings: ButlerSettings, folder: str, manifest: str | None = None
) -> Iterable[list[str]]:
    words = ["butler", "import", settings.root, folder, "--transfer", "copy"]
    words += ["--export-file", f"{folder.rstrip('/')}/export.yaml"]
    for dimension in SKIPPED_DIMENSIONS:
        words += ["-s", dimension]
    yield words


def _tag(settings: ButlerSettings, chain: str, tagged: str) -> Iterable[list[str]]:
    words = ["butler", "associate", settings.root, tagged, "--collections", chain]
    yield [*words, "-d", "*", "--no-find-first"]


_BUILDERS: Mapping[str, Callable[..., Iterable[list[str]]]] = {
    "certify_calibration": _certify,
    "define_chain": _define_chain,
    "export_collection": _export,
    "import_collection": _import,
    "prepend_chain": _prepend_chain,
    "remove_from_chain": _remove_from_chain,
    "remove_run": _remove_run,
    "select_exposures": _select_exposures,
    "tag_collection": _tag,
}
