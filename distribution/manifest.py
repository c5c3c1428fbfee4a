"""The seal of an export: every file with its size and SHA-256; plain Python.

A sealed folder holds ``manifest.json`` beside the files it lists. The manifest is
canonical JSON, so that its own SHA-256 stands for the whole folder.
"""

import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from taxicab.errors import ConflictError

__all__ = [
    "MANIFEST_NAME",
    "Difference",
    "FileEntry",
    "Manifest",
    "SealBrokenError",
    "check_seal",
    "describe_differences",
    "find_unreadable",
    "hash_file",
    "seal_folder",
    "verify_folder",
]

MANIFEST_NAME = "manifest.json"
MANIFEST_VERSION = 1
EXPORT_NAME = "export.yaml"  # what the Butler lists its exported datasets in
NAMED_IN_SENTENCE = 5  # files that a sentence names; the details list all


class SealBrokenError(ConflictError):
    """A folder is not what was sealed."""

    error = "seal_broken"


@dataclass(frozen=True)
class FileEntry:
    """One file of the folder."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """Files by their path in the folder."""

    files: Mapping[str, FileEntry]

    @cached_property
    def content(self) -> bytes:
        """Canonical JSON: sorted keys, no spaces, one newline at the end."""
        data = {
            "version": MANIFEST_VERSION,
            "files": {path: asdict(entry) for path, entry in self.files.items()},
        }
        text = json.dumps(data, sort_keys=True, separators=(",", ":"))
        return (text + "\n").encode()

    @property
    def sha256(self) -> str:
        """SHA-256 of the manifest itself."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(entry.size for entry in self.files.values())

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """Read the manifest of a sealed folder.

        Raises
        ------
        SealBrokenError
            Raised if there is none, or it cannot be read as one.
        """
        path = folder / MANIFEST_NAME
        try:
            data = json.loads(path.read_bytes())
            files = {name: FileEntry(**entry) for name, entry in data["files"].items()}
        except FileNotFoundError:
            raise SealBrokenError(
                f"There is no sealed export in {folder}: it has no {MANIFEST_NAME}. "
                "Run the step before this one again."
            ) from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise SealBrokenError(
                f"{path} is not a manifest ({error}): run the step before this one "
                "again."
            ) from error
        return cls(files)


@dataclass(frozen=True)
class Difference:
    """One file that is not as it was sealed."""

    path: str
    problem: str
    """``changed``, ``missing`` or ``extra``."""
    dataset: str = ""
    """Which dataset it is, in words, where that can be told."""

    def __str__(self) -> str:
        what = f"{self.dataset} ({self.path})" if self.dataset else self.path
        return f"{what} is {self.problem}"


def hash_file(path: Path) -> str:
    """Compute the SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def seal_folder(folder: Path) -> Manifest:
    """Write the manifest of a folder, readable by everyone, whole or not at all."""
    files = {
        str(path.relative_to(folder)): FileEntry(path.stat().st_size, hash_file(path))
        for path in _files(folder)
        if path != folder / MANIFEST_NAME
    }
    manifest = Manifest(dict(sorted(files.items())))
    draft = folder / f"{MANIFEST_NAME}.part"
    draft.write_bytes(manifest.content)
    draft.chmod(0o644)
    draft.replace(folder / MANIFEST_NAME)
    return manifest


def find_unreadable(folder: Path) -> list[str]:
    """List files that not everyone may read and folders not everyone may enter."""
    unreadable = []
    for path in (folder, *sorted(folder.rglob("*"))):
        mode = path.lstat().st_mode
        wanted = stat.S_IROTH | (stat.S_IXOTH if stat.S_ISDIR(mode) else 0)
        if mode & wanted != wanted:
            unreadable.append(str(path.relative_to(folder)))
    return unreadable


def verify_folder(folder: Path, *, manifest_sha256: str) -> list[Difference]:
    """Compare a folder with the manifest that was sealed.

    Parameters
    ----------
    folder
        Holds the manifest and the files.
    manifest_sha256
        Of the manifest, known from elsewhere: a folder that comes with a manifest of
        its own making is not what was sealed.

    Returns
    -------
    list
        Differences in the order of paths; empty when the folder is what was sealed.
    """
    manifest = Manifest.read(folder)
    if hash_file(folder / MANIFEST_NAME) != manifest_sha256:
        return [Difference(MANIFEST_NAME, "changed")]
    found = {str(path.relative_to(folder)): path for path in _files(folder)}
    found.pop(MANIFEST_NAME, None)
    problems = dict.fromkeys(manifest.files.keys() - found.keys(), "missing")
    problems |= dict.fromkeys(found.keys() - manifest.files.keys(), "extra")
    problems |= {
        path: "changed"
        for path, entry in manifest.files.items()
        if path in found and not _is_same(found[path], entry)
    }
    names = _dataset_names(folder) if problems else {}
    return [
        Difference(path, problems[path], names.get(path) or _name_of_file(path))
        for path in sorted(problems)
    ]


def check_seal(folder: Path, *, manifest_sha256: str, advice: str) -> Manifest:
    """Refuse a folder that is not what was sealed.

    Parameters
    ----------
    advice
        What to do about it: a sentence.

    Raises
    ------
    SealBrokenError
        Raised with the datasets that differ.
    """
    differences = verify_folder(folder, manifest_sha256=manifest_sha256)
    if differences:
        raise SealBrokenError(
            f"{folder} is not what was sealed: {describe_differences(differences)}. "
            f"{advice}",
            differences=[asdict(difference) for difference in differences],
        )
    return Manifest.read(folder)


def describe_differences(differences: list[Difference]) -> str:
    """Name the first differences and count the others."""
    named = "; ".join(str(d) for d in differences[:NAMED_IN_SENTENCE])
    more = len(differences) - NAMED_IN_SENTENCE
    return f"{named}; and {more} more" if more > 0 else named


def _files(folder: Path) -> Iterator[Path]:
    """Everything below a folder but folders: a link counts, and is no file."""
    for root, folders, files in os.walk(folder):
        links = [name for name in folders if (Path(root) / name).is_symlink()]
        yield from (Path(root) / name for name in sorted([*files, *links]))


def _is_same(path: Path, entry: FileEntry) -> bool:
    status = path.lstat()
    return (
        stat.S_ISREG(status.st_mode)
        and status.st_size == entry.size
        and hash_file(path) == entry.sha256
    )


class _PlainLoader(yaml.SafeLoader):
    """Reads tags that plain YAML has not as nothing: only names are wanted here."""


_PlainLoader.add_constructor(None, lambda loader, node: None)


def _dataset_names(folder: Path) -> dict[str, str]:
    """Name the datasets by their files, as the Butler's export lists them."""
    names: dict[str, str] = {}
    for path in folder.rglob(EXPORT_NAME):
        try:
            data = yaml.load(path.read_text(), Loader=_PlainLoader)["data"]
            for part in data:
                names |= _names_of_part(part, path.parent.relative_to(folder))
        except (yaml.YAMLError, UnicodeError, KeyError, TypeError, AttributeError):
            continue  # damaged itself, and listed as such; file names must do
    return names


def _names_of_part(part: dict[str, Any], parent: Path) -> dict[str, str]:
    if part["type"] != "dataset":
        return {}
    return {
        str(parent / record["path"]): _name_dataset(part["dataset_type"], data_id)
        for record in part["records"]
        for data_id in record["data_id"]
    }


def _name_dataset(dataset_type: str, data_id: dict[str, Any]) -> str:
    """Say ``flat of detector 4, r_03``."""
    where = [f"detector {data_id['detector']}"] if "detector" in data_id else []
    where += [str(v) for k, v in data_id.items() if k not in {"instrument", "detector"}]
    return f"{dataset_type} of {', '.join(where)}" if where else dataset_type


_FILE_NAME = re.compile(r"(?P<type>[a-zA-Z]+)_.*?_?(?P<sensor>R\d\d_S\d\d)(_|\.)")


def _name_of_file(path: str) -> str:
    """Tell type and sensor from a name like ``bias_LSSTComCam_R22_S11_….fits``."""
    match = _FILE_NAME.match(Path(path).name)
    return f"{match['type']} of {match['sensor']}" if match else ""
