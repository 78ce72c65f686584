"""Features of photos from a pretrained backbone, computed once and kept, and the head on top of them."""

from typing import TYPE_CHECKING

from image_kit.lazy import lazy_names

if TYPE_CHECKING:
    from image_kit.features.cross_validation import (
        CrossValidation as CrossValidation,
        cross_validate as cross_validate,
    )
    from image_kit.features.feature_rows import (
        FeatureRows as FeatureRows,
        prepare_rows as prepare_rows,
        unit_length as unit_length,
    )
    from image_kit.features.folds import (
        classes_in_one_group as classes_in_one_group,
        make_folds as make_folds,
    )
    from image_kit.features.groups import (
        merge_groups as merge_groups,
        read_groups as read_groups,
    )
    from image_kit.features.head import (
        Head as Head,
        balanced_weights as balanced_weights,
        fit_head as fit_head,
    )

__getattr__ = lazy_names(
    __name__,
    {
        "cross_validation": "CrossValidation cross_validate",
        "feature_rows": "FeatureRows prepare_rows unit_length",
        "folds": "classes_in_one_group make_folds",
        "groups": "merge_groups read_groups",
        "head": "Head balanced_weights fit_head",
    },
)
