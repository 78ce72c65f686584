"""Trained networks in other forms: for phones, other runtimes, servers, and one page for a browser; each proven."""

from typing import TYPE_CHECKING

from image_kit.lazy import lazy_names

if TYPE_CHECKING:
    from image_kit.exports.comparison import (
        compare_formats as compare_formats,
        describe_comparison as describe_comparison,
    )
    from image_kit.exports.exporting import (
        export as export,
        refuse_existing as refuse_existing,
    )
    from image_kit.exports.fast import (
        load_fast_classifier as load_fast_classifier,
    )
    from image_kit.exports.formats import (
        FORMATS as FORMATS,
        Facts as Facts,
        Format as Format,
        file_name as file_name,
    )
    from image_kit.exports.held_photos import (
        RunPhotos as RunPhotos,
        find_run_photos as find_run_photos,
    )
    from image_kit.exports.int8 import (
        Int8Proof as Int8Proof,
    )
    from image_kit.exports.page_data import (
        engine_text as engine_text,
        pack_page_data as pack_page_data,
    )
    from image_kit.exports.proof import (
        Proof as Proof,
        Reference as Reference,
    )
    from image_kit.exports.source import (
        Source as Source,
        read_source as read_source,
    )

__getattr__ = lazy_names(
    __name__,
    {
        "comparison": "compare_formats describe_comparison",
        "exporting": "export refuse_existing",
        "fast": "load_fast_classifier",
        "formats": "FORMATS Facts Format file_name",
        "held_photos": "RunPhotos find_run_photos",
        "int8": "Int8Proof",
        "page_data": "engine_text pack_page_data",
        "proof": "Proof Reference",
        "source": "Source read_source",
    },
)
