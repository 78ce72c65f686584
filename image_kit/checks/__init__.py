"""What is wrong with a folder of photos: each file holds one question, answered with a list of findings."""

from typing import TYPE_CHECKING

from image_kit.lazy import lazy_names

if TYPE_CHECKING:
    from image_kit.checks.checked_photos import (
        CheckedPhotos as CheckedPhotos,
        load_checked_photos as load_checked_photos,
    )
    from image_kit.checks.findings import Finding as Finding

__getattr__ = lazy_names(
    __name__,
    {
        "checked_photos": "CheckedPhotos load_checked_photos",
        "findings": "Finding",
    },
)
