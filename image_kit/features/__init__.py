"""Features of photos from a pretrained backbone, computed once and kept, and the head on top of them."""

from typing import TYPE_CHECKING

from image_kit.lazy import lazy_names

if TYPE_CHECKING:
    pass

__getattr__ = lazy_names(__name__, {})
