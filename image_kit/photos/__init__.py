"""Photo files: find, decode, split and cache them."""

from typing import TYPE_CHECKING

from image_kit.lazy import lazy_names

if TYPE_CHECKING:
    from image_kit.photos.deep_headers import (
        FEWEST_BITS as FEWEST_BITS,
        FULL_BITS as FULL_BITS,
        read_deep_header as read_deep_header,
    )
    from image_kit.photos.deep_notes import (
        note_nearly_black as note_nearly_black,
        note_samples as note_samples,
    )
    from image_kit.photos.folder_notes import (
        note_other_files as note_other_files,
    )
    from image_kit.photos.folders import (
        PhotoFolder as PhotoFolder,
        find_test_folder as find_test_folder,
        list_classes as list_classes,
        scan_folder as scan_folder,
    )
    from image_kit.photos.headers import (
        PhotoHeader as PhotoHeader,
        fits_suffix as fits_suffix,
        jpeg_bits as jpeg_bits,
        read_header as read_header,
    )
    from image_kit.photos.keras_loading import (
        KerasLoading as KerasLoading,
    )
    from image_kit.photos.look_alikes import (
        ALIKE_BELOW as ALIKE_BELOW,
        SIGNATURE_VALUES as SIGNATURE_VALUES,
        UNIFORM_BELOW as UNIFORM_BELOW,
        Signatures as Signatures,
        find_look_alikes as find_look_alikes,
    )
    from image_kit.photos.memory import (
        tune_memory as tune_memory,
    )
    from image_kit.photos.opening import (
        convert_image as convert_image,
        is_image as is_image,
        open_photo as open_photo,
    )
    from image_kit.photos.part_names import (
        PARTS as PARTS,
        class_name as class_name,
        class_spelling as class_spelling,
        folder_name as folder_name,
        part_of_name as part_of_name,
        quote_unknown as quote_unknown,
    )
    from image_kit.photos.parts import (
        IN_TWO_CLASSES as IN_TWO_CLASSES,
        assign_cross_validated_parts as assign_cross_validated_parts,
        assign_parts as assign_parts,
    )
    from image_kit.photos.photo_files import (
        PhotoError as PhotoError,
        content_hash as content_hash,
        is_hidden_name as is_hidden_name,
        is_photo_name as is_photo_name,
        read_file as read_file,
    )
    from image_kit.photos.preprocessing import (
        Preprocessing as Preprocessing,
    )
    from image_kit.photos.sources import (
        PhotoSource as PhotoSource,
        find_photos as find_photos,
    )
    from image_kit.photos.store import (
        CACHE_FRACTION as CACHE_FRACTION,
        PhotoStore as PhotoStore,
        Subset as Subset,
    )
    from image_kit.photos.unset_alpha import (
        may_have_unset_alpha as may_have_unset_alpha,
    )
    from image_kit.photos.walking import (
        list_photos as list_photos,
        walk as walk,
    )

__getattr__ = lazy_names(
    __name__,
    {
        "deep_headers": "FEWEST_BITS FULL_BITS read_deep_header",
        "deep_notes": "note_nearly_black note_samples",
        "folder_notes": "note_other_files",
        "folders": "PhotoFolder find_test_folder list_classes scan_folder",
        "headers": "PhotoHeader fits_suffix jpeg_bits read_header",
        "keras_loading": "KerasLoading",
        "look_alikes": "ALIKE_BELOW SIGNATURE_VALUES UNIFORM_BELOW Signatures find_look_alikes",
        "memory": "tune_memory",
        "opening": "convert_image is_image open_photo",
        "part_names": "PARTS class_name class_spelling folder_name part_of_name quote_unknown",
        "parts": "IN_TWO_CLASSES assign_cross_validated_parts assign_parts",
        "photo_files": "PhotoError content_hash is_hidden_name is_photo_name read_file",
        "preprocessing": "Preprocessing",
        "sources": "PhotoSource find_photos",
        "store": "CACHE_FRACTION PhotoStore Subset",
        "unset_alpha": "may_have_unset_alpha",
        "walking": "list_photos walk",
    },
)
