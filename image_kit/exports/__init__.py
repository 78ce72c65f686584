"""Trained networks in other forms: for phones, other runtimes, servers, and one page for a browser; each proven."""

from typing import TYPE_CHECKING

from image_kit.lazy import lazy_names

if TYPE_CHECKING:
    from image_kit.exports.held_photos import (
        RunPhotos as RunPhotos,
        find_run_photos as find_run_photos,
    )
    from image_kit.exports.source import (
        Source as Source,
        read_source as read_source,
    )

__getattr__ = lazy_names(__name__, {"held_photos": "RunPhotos find_run_photos", "source": "Source read_source"})
