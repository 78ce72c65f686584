"""Features of photos from a pretrained backbone, computed once and kept, and the head on top of them."""

from typing import TYPE_CHECKING

from image_kit.lazy import lazy_names

if TYPE_CHECKING:
    from image_kit.features.backbones import Backbone as Backbone, load_backbone as load_backbone
    from image_kit.features.extraction import (
        PhotoFeatures as PhotoFeatures,
        photo_features as photo_features,
        select_part as select_part,
    )
    from image_kit.features.store import (
        FeatureStore as FeatureStore,
        kept_features_folder as kept_features_folder,
    )

__getattr__ = lazy_names(
    __name__,
    {
        "backbones": "Backbone load_backbone",
        "extraction": "PhotoFeatures photo_features select_part",
        "store": "FeatureStore kept_features_folder",
    },
)
