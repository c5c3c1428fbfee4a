"""What can be wrong with pixels, said in a sentence. Plain Python, no middleware."""

from typing import ClassVar

from taxicab.errors import InputError

__all__ = ["ImageError"]


class ImageError(InputError):
    """The pixels handed in cannot be processed as asked."""

    error: ClassVar[str] = "bad_image"
