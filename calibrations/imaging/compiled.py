"""Compilation of the loops that NumPy has no word for, by numba.

Compiled code is kept on disk: beside the source, else in ``NUMBA_CACHE_DIR`` or the
user's cache folder. Where none of them can be written to, every process compiles for
itself, which takes seconds and changes no number.
"""

import logging
from collections.abc import Callable
from typing import Any, TypeVar

import numba

__all__ = ["compiled"]

log = logging.getLogger(__name__)

Function = TypeVar("Function", bound=Callable[..., Any])

OPTIONS: dict[str, Any] = {
    "nogil": True,  # row blocks are shared out among threads
    "error_model": "numpy",  # 0/0 is NaN; the check for it would forbid SIMD
    "fastmath": False,  # the order of additions is part of the result
}


def compiled(function: Function) -> Function:
    """Compile a function of arrays and numbers when it is first called.

    Kernels that call one another belong in one file: the kept code of a caller is
    not made anew when only the file of the called one changes.
    """
    try:
        kernel: Function = numba.njit(cache=True, **OPTIONS)(function)
    except RuntimeError:  # numba found no folder to write to
        log.warning(
            "No folder for compiled code can be written to: %s is compiled by every "
            "process. Set NUMBA_CACHE_DIR to a folder of the portal's own account.",
            function.__qualname__,
        )
        kernel = numba.njit(**OPTIONS)(function)
    return kernel
