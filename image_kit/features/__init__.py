"""Features of photos from a pretrained backbone, computed once and kept, and the head on top of them."""

from typing import TYPE_CHECKING

from image_kit.lazy import lazy_names

if TYPE_CHECKING:
    from image_kit.features.backbone import Backbone as Backbone, identify as identify
    from image_kit.features.backbones import load_backbone as load_backbone
    from image_kit.features.golden_features import check_golden as check_golden, golden_image as golden_image

__getattr__ = lazy_names(
    __name__,
    {
        "backbone": "Backbone identify",
        "backbones": "load_backbone",
        "golden_features": "check_golden golden_image",
    },
)
