"""Configurations and software versions as a run of the middleware keeps them: files.

They are read as text and never executed.
"""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from calibrations.butler.client import ButlerGateway
from calibrations.butler.records import DatasetInfo
from taxicab.errors import MiddlewareError

__all__ = ["Difference", "compare", "find_configs", "read_configs", "read_packages"]

CONFIG_TYPES = ("*_config", "packages")
"""Dataset types that hold them."""

_SUFFIX = "_config"

_NO_CHOICE = {"creationTime"}
"""Fields that differ between any two runs: they say when one was made, not how."""

Configuration = Mapping[str, Mapping[str, str]]
"""Value of every field, by task and field, as it is written."""


@dataclass(frozen=True)
class Difference:
    """A field that has another value than before; empty where it is not set."""

    task: str
    field: str
    value: str
    before: str


def find_configs(
    gateway: ButlerGateway, runs: Sequence[str]
) -> dict[str, list[DatasetInfo]]:
    """Find the configurations and versions that runs keep, by run."""
    found: dict[str, list[DatasetInfo]] = {run: [] for run in runs}
    if runs:
        for info in gateway.list_datasets(runs, CONFIG_TYPES):
            found[info.run].append(info)
    return found


def read_configs(infos: Sequence[DatasetInfo]) -> dict[str, dict[str, str]]:
    """Read the configuration of every task of a run."""
    return {
        info.type.removesuffix(_SUFFIX): _read_fields(info.path)
        for info in sorted(infos, key=lambda info: info.type)
        if info.type.endswith(_SUFFIX) and info.path
    }


def read_packages(infos: Sequence[DatasetInfo]) -> dict[str, str]:
    """Read the versions of the packages that a run was made with."""
    found: dict[str, str] = {}
    for info in infos:
        if info.type == "packages" and info.path:
            found |= _read_versions(info.path)
    return dict(sorted(found.items()))


def compare(now: Configuration, before: Configuration) -> list[Difference]:
    """List the fields of two configurations that differ, but for those of the time."""
    return [
        Difference(task, name, value, was)
        for task in sorted(now.keys() | before.keys())
        for name, value, was in _fields(now.get(task, {}), before.get(task, {}))
        if value != was and name not in _NO_CHOICE
    ]


def _fields(
    now: Mapping[str, str], before: Mapping[str, str]
) -> list[tuple[str, str, str]]:
    return [
        (name, now.get(name, ""), before.get(name, ""))
        for name in sorted(now.keys() | before.keys())
    ]


def _read_fields(path: str) -> dict[str, str]:
    """Take assignments such as ``config.nSigma = 3.0`` from a file of Python."""
    try:
        tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError) as error:
        raise MiddlewareError(
            f"The configuration {path} cannot be read: {error}"
        ) from error
    return {
        ast.unparse(target).removeprefix("config."): ast.unparse(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if ast.unparse(target).startswith("config.")
    }


class _Loader(yaml.SafeLoader):
    """Reads plain values and leaves tags of Python's classes aside."""


def _read_tagged(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    return None


# Every tag that YAML itself does not know: that of `Packages` has no exclamation mark.
_Loader.add_multi_constructor("", _read_tagged)


def _read_versions(path: str) -> dict[str, str]:
    try:
        text = Path(path).read_text(encoding="utf-8")
        # A subclass of the safe loader.
        read = yaml.load(text, Loader=_Loader)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise MiddlewareError(f"The versions {path} cannot be read: {error}") from error
    return {str(k): str(v) for k, v in read.items()} if isinstance(read, dict) else {}
