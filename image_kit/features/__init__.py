"""Features of photos from a pretrained backbone, computed once and kept, and the head on top of them."""

from typing import TYPE_CHECKING

from image_kit.lazy import lazy_names

if TYPE_CHECKING:
    from image_kit.features.backbones import Backbone as Backbone, load_backbone as load_backbone

__getattr__ = lazy_names(
    __name__,
    {
        "backbones": "Backbone load_backbone",
    },
)
