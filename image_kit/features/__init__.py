"""Features of photos from a pretrained backbone, computed once and kept, and the head on top of them."""

from typing import TYPE_CHECKING

from image_kit.lazy import lazy_names

if TYPE_CHECKING:
    from image_kit.features.backbone import Backbone as Backbone, identify as identify
    from image_kit.features.backbones import load_backbone as load_backbone
    from image_kit.features.cross_validation import (
        CrossValidation as CrossValidation,
        answer_held_out as answer_held_out,
        cross_validate as cross_validate,
    )
    from image_kit.features.extraction import (
        PhotoFeatures as PhotoFeatures,
        photo_features as photo_features,
        select_part as select_part,
    )
    from image_kit.features.feature_rows import (
        FeatureRows as FeatureRows,
        prepare_rows as prepare_rows,
        unit_length as unit_length,
    )
    from image_kit.features.finding import find_features as find_features
    from image_kit.features.folds import classes_in_one_group as classes_in_one_group, make_folds as make_folds
    from image_kit.features.golden_features import check_golden as check_golden, golden_image as golden_image
    from image_kit.features.groups import merge_groups as merge_groups, read_groups as read_groups
    from image_kit.features.head import Head as Head, balanced_weights as balanced_weights, fit_head as fit_head
    from image_kit.features.head_classifier import (
        HeadClassifier as HeadClassifier,
        load_unseen_features as load_unseen_features,
        open_head_classifier as open_head_classifier,
    )
    from image_kit.features.head_files import join_network as join_network, split_network as split_network
    from image_kit.features.intervals import t_quantile as t_quantile
    from image_kit.features.runners import running as running
    from image_kit.features.store import (
        FeatureStore as FeatureStore,
        kept_features_folder as kept_features_folder,
        open_store as open_store,
    )

__getattr__ = lazy_names(
    __name__,
    {
        "backbone": "Backbone identify",
        "backbones": "load_backbone",
        "cross_validation": "CrossValidation answer_held_out cross_validate",
        "extraction": "PhotoFeatures photo_features select_part",
        "feature_rows": "FeatureRows prepare_rows unit_length",
        "finding": "find_features",
        "folds": "classes_in_one_group make_folds",
        "golden_features": "check_golden golden_image",
        "groups": "merge_groups read_groups",
        "head": "Head balanced_weights fit_head",
        "head_classifier": "HeadClassifier load_unseen_features open_head_classifier",
        "head_files": "join_network split_network",
        "intervals": "t_quantile",
        "runners": "running",
        "store": "FeatureStore kept_features_folder open_store",
    },
)
