"""Rows of images in FITS files, without holding the images in memory.

A plain float32 image is read straight from the file, as it lies there: the most
significant byte first. What is compressed, scaled or of another type goes through
astropy, and is slower.
"""

import os
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from astropy.io import fits

from calibrations.imaging.errors import ImageError

__all__ = ["FitsRows", "FrameFiles"]

PLAIN = -32
"""BITPIX of float32."""

FIRST_BYTES = b"SIMPLE"


class FitsRows:
    """One image of a FITS file, read a few rows at a time.

    Parameters
    ----------
    path
        The file.
    extension
        Number or name of the HDU; without, the first that holds a 2-D image.

    Raises
    ------
    ImageError
        Raised if the file has no such image, or ends before its pixels do.
    """

    def __init__(self, path: str | Path, extension: int | str | None = None) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self._hdus = fits.open(self.path, memmap=False, lazy_load_hdus=True)
        self._descriptor = os.open(self.path, os.O_RDONLY)
        try:
            self._hdu = self._find(extension)
            self.shape: tuple[int, int] = self._hdu.shape
            self.is_plain = self._is_plain()
            self._start = int(self._hdu.fileinfo()["datLoc"]) if self.is_plain else 0
            self._check_length()
        except BaseException:
            self.close()
            raise

    def read(self, top: int, bottom: int, out: np.ndarray) -> None:
        """Read rows from ``top`` up to, not including, ``bottom``.

        Parameters
        ----------
        top, bottom
            Rows as in the file.
        out
            C order, room for the pixels: of type ``>f4`` for a plain image, whose
            bytes it takes as they are; float32 for any other. Threads may read at
            the same time.
        """
        if not self.is_plain:
            with self._lock:
                out[...] = self._hdu.section[top:bottom].reshape(out.shape)
            return
        at = self._start + top * self.shape[1] * out.itemsize
        if os.preadv(self._descriptor, [out.data], at) != out.nbytes:
            raise ImageError(f"{self.path} ends before its pixels do.")

    def close(self) -> None:
        """Close the file."""
        self._hdus.close()
        os.close(self._descriptor)

    def _find(self, extension: int | str | None) -> Any:
        """Give the HDU."""
        if extension is None:
            found = next((hdu for hdu in self._hdus if _is_image(hdu)), None)
        else:
            try:
                found = self._hdus[extension]
            except (KeyError, IndexError):
                found = None
        if found is None or not _is_image(found):
            where = "" if extension is None else f" in extension {extension}"
            raise ImageError(f"{self.path} has no image of two dimensions{where}.")
        return found

    def _is_plain(self) -> bool:
        """Whether the pixels lie in the file as float32."""
        header = self._hdu.header
        return (
            isinstance(self._hdu, fits.PrimaryHDU | fits.ImageHDU)
            and header["BITPIX"] == PLAIN
            and header.get("BSCALE", 1) == 1
            and header.get("BZERO", 0) == 0
            # Not so in a file that is compressed as a whole.
            and os.pread(self._descriptor, len(FIRST_BYTES), 0) == FIRST_BYTES
        )

    def _check_length(self) -> None:
        """Refuse a file that was cut off before any time is spent on it."""
        n_bytes = self.shape[0] * self.shape[1] * np.dtype(np.float32).itemsize
        size = os.fstat(self._descriptor).st_size
        if self.is_plain and size < self._start + n_bytes:
            raise ImageError(
                f"{self.path} ends before its pixels do: it has {size} bytes of "
                f"{self._start + n_bytes}."
            )


def _is_image(hdu: Any) -> bool:
    """Whether an HDU holds a 2-D image, compressed or not."""
    return bool(hdu.is_image) and len(hdu.shape) == 2


class FrameFiles:
    """Frames of one shape, each in a FITS file of its own.

    Parameters
    ----------
    paths
        The files; all stay open until the block ends.
    extension
        As in `FitsRows`.
    """

    def __init__(
        self, paths: Sequence[str | Path], extension: int | str | None = None
    ) -> None:
        self._stack = ExitStack()
        self.frames: list[FitsRows] = []
        try:
            for path in paths:
                frame = FitsRows(path, extension)
                self._stack.callback(frame.close)
                self.frames.append(frame)
            self._check_shapes()
        except BaseException:
            self._stack.close()
            raise
        self.shape = self.frames[0].shape
        self.is_plain = all(frame.is_plain for frame in self.frames)

    def __len__(self) -> int:
        return len(self.frames)

    def __enter__(self) -> "FrameFiles":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def read(self, top: int, bottom: int, out: np.ndarray) -> np.ndarray:
        """Read the same rows of all frames.

        Parameters
        ----------
        top, bottom
            Rows as in the files.
        out
            float32, at least (n, (bottom - top) · nx) values long.

        Returns
        -------
        numpy.ndarray
            Shape (n, (bottom - top) · nx), a view of ``out``: float32, or uint32 with
            the bytes of float32 as FITS stores them if all frames are plain.
        """
        size = (bottom - top) * self.shape[1]
        block = out.reshape(-1)[: len(self) * size].reshape(len(self), size)
        for frame, row in zip(self.frames, block, strict=True):
            frame.read(top, bottom, row)
            if frame.is_plain and not self.is_plain:
                row.byteswap(inplace=True)
        return block.view(np.uint32) if self.is_plain else block

    def _check_shapes(self) -> None:
        """Refuse frames that cannot be combined."""
        if not self.frames:
            raise ImageError("There is no frame to combine.")
        first = self.frames[0]
        for frame in self.frames[1:]:
            if frame.shape != first.shape:
                raise ImageError(
                    f"{frame.path} has shape {frame.shape}, {first.path} has "
                    f"{first.shape}: frames of different readout windows cannot be "
                    "combined."
                )
