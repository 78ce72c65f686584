"""Trained networks in other forms: for phones, other runtimes, servers, and one page for a browser; each proven."""

from typing import TYPE_CHECKING

from image_kit.lazy import lazy_names

if TYPE_CHECKING:
    from image_kit.exports.page_data import (
        engine_text as engine_text,
        pack_page_data as pack_page_data,
    )
    from image_kit.exports.source import (
        Source as Source,
        read_source as read_source,
    )

__getattr__ = lazy_names(__name__, {"page_data": "engine_text pack_page_data", "source": "Source read_source"})
