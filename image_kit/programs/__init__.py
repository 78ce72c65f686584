"""For other programs: a classifier that takes photos in any form, and a page and an address on this machine."""

from typing import TYPE_CHECKING

from image_kit.lazy import lazy_names

if TYPE_CHECKING:
    from image_kit.programs.inputs import Photo as Photo
    from image_kit.programs.photo_classifier import PhotoClassifier as PhotoClassifier
    from image_kit.programs.serve_options import (
        add_serve_options as add_serve_options,
        refuse_wrong_serve_options as refuse_wrong_serve_options,
    )
    from image_kit.programs.server import serve as serve

__getattr__ = lazy_names(
    __name__,
    {
        "inputs": "Photo",
        "photo_classifier": "PhotoClassifier",
        "serve_options": "add_serve_options refuse_wrong_serve_options",
        "server": "serve",
    },
)
