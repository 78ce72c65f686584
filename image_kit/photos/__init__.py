"""Photo files: find them, decode them, split them, keep them."""

from typing import TYPE_CHECKING

from image_kit.lazy import lazy_names

if TYPE_CHECKING:
    from image_kit.photos.folders import (
        PART_NAMES as PART_NAMES,
        PARTS as PARTS,
        PhotoFolder as PhotoFolder,
        assign_parts as assign_parts,
        find_test_folder as find_test_folder,
        list_classes as list_classes,
        list_photos as list_photos,
        passed_over as passed_over,
        scan_folder as scan_folder,
    )
    from image_kit.photos.look_alikes import (
        ALIKE as ALIKE,
        UNIFORM as UNIFORM,
        Signatures as Signatures,
        look_alikes_across_parts as look_alikes_across_parts,
    )
    from image_kit.photos.photo import (
        PROGRAMS_FILES as PROGRAMS_FILES,
        KerasLoading as KerasLoading,
        PhotoError as PhotoError,
        Preprocessing as Preprocessing,
        content_hash as content_hash,
        is_photo_name as is_photo_name,
        open_photo as open_photo,
    )
    from image_kit.photos.sources import (
        PhotoSource as PhotoSource,
        find_photos as find_photos,
    )
    from image_kit.photos.store import (
        CACHE_SHARE as CACHE_SHARE,
        PhotoStore as PhotoStore,
        Subset as Subset,
    )

__getattr__ = lazy_names(
    __name__,
    {
        "folders": "PART_NAMES PARTS PhotoFolder assign_parts find_test_folder list_classes list_photos "
        "passed_over scan_folder",
        "look_alikes": "ALIKE UNIFORM Signatures look_alikes_across_parts",
        "photo": "PROGRAMS_FILES KerasLoading PhotoError Preprocessing content_hash is_photo_name open_photo",
        "sources": "PhotoSource find_photos",
        "store": "CACHE_SHARE PhotoStore Subset",
    },
)
