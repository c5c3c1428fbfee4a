"""Read a camera from the observatory's own YAML files (obs_lsst's ``policy`` folder).

Nothing of the middleware is used here.
"""

import hashlib
import os
from functools import cache
from os import PathLike
from pathlib import Path
from typing import Any

import yaml

from calibrations.domain.cameras import Camera, camera
from calibrations.domain.cameras.policy import CameraPolicyError, make_camera
from taxicab.errors import NotFoundError

__all__ = ["POLICY_VARIABLE", "load_camera", "policy_digest", "site_camera"]

POLICY_VARIABLE = "TAXICAB_CAMERA_POLICY"
"""Environment variable: folder of the cameras in use at a site. The gateway sets it
from a repository's ``camera_policy``."""

FOLDERS = {
    "LSSTCam": "lsstCam",
    "LSSTComCam": "comCam",
    "LSSTComCamSim": "comCamSim",
    "LATISS": "latiss",
    "LSSTCamSim": "lsstCamSim",
}
"""What each camera's folder under ``policy`` is called."""


def load_camera(folder: str | PathLike[str], name: str | None = None) -> Camera:
    """Read a camera.

    Parameters
    ----------
    folder
        A camera's folder, such as ``policy/lsstCam``; what is not in it is looked for
        in the folder above, as obs_lsst does. The ``policy`` folder itself will do if
        the instrument's name is given.
    name
        The instrument's name in the Butler; by default what ``name.yaml`` or
        ``cameraHeader.yaml`` says.

    Raises
    ------
    CameraPolicyError
        If a file is missing or cannot be read, or what it says is not complete.
    """
    folder = Path(folder)
    if name is not None and (folder / FOLDERS.get(name, name)).is_dir():
        folder = folder / FOLDERS.get(name, name)
    places = (folder, folder.parent)
    header = _read(places, "cameraHeader.yaml")
    found = name or _find_name(places, header)
    rafts = _read(places, "rafts.yaml").get("rafts", {})
    contents = {}
    for raft in rafts:
        if any((place / f"{raft}.yaml").is_file() for place in places):
            content = _read(places, f"{raft}.yaml")
            if raft not in content:
                raise CameraPolicyError(f"{folder}/{raft}.yaml does not name {raft}.")
            contents[raft] = content[raft]
    return make_camera(found, header, rafts, contents)


@cache
def site_camera(name: str) -> Camera:
    """Give the camera that a site's environment names, or ours where it names none.

    ``TAXICAB_CAMERA_POLICY`` is obs_lsst's ``policy`` folder, or one camera's folder in
    it. A camera that the folder does not hold is ours.
    """
    folder = os.environ.get(POLICY_VARIABLE)
    if not folder:
        return camera(name)
    path = Path(folder)
    if not path.is_dir():
        raise CameraPolicyError(f"{POLICY_VARIABLE} is {folder}, which is no folder.")
    if path.name in FOLDERS.values():
        known = {value: key for key, value in FOLDERS.items()}[path.name]
        return load_camera(path, name) if known == name else camera(name)
    if (path / FOLDERS.get(name, name)).is_dir():
        return load_camera(path, name)
    return camera(name)


def policy_digest(name: str) -> str:
    """Give a digest of a site's own description of a camera; empty where it is ours."""
    try:
        ours = camera(name)
    except NotFoundError:
        return ""
    found = site_camera(name)
    if found is ours:
        return ""
    return hashlib.sha256(repr(found).encode()).hexdigest()


def _find_name(places: tuple[Path, ...], header: dict[str, Any]) -> str:
    if (places[0] / "name.yaml").is_file():
        return str(_read(places, "name.yaml").get("name"))
    return str(header.get("name"))


def _read(places: tuple[Path, ...], name: str) -> dict[str, Any]:
    for place in places:
        path = place / name
        if path.is_file():
            try:
                with path.open(encoding="utf-8") as file:
                    content = yaml.load(file, Loader=_loader())
            except (OSError, UnicodeError, yaml.YAMLError) as e:
                raise CameraPolicyError(f"{path} cannot be read: {e}") from e
            if not isinstance(content, dict):
                raise CameraPolicyError(f"{path} holds no mapping.")
            return content
    folders = " or ".join(str(place) for place in places)
    raise CameraPolicyError(f"There is no {name} in {folders}.")


def _loader() -> type:
    """Prefer the loader in C, which is ten times as fast."""
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)
