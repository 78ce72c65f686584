"""One training run, from the recipe to the scores."""

from typing import TYPE_CHECKING

from image_kit.lazy import lazy_names

if TYPE_CHECKING:
    from image_kit.training.consistency import (
        check_same as check_same,
    )
    from image_kit.training.run import (
        build_model as build_model,
        run_training as run_training,
    )
    from image_kit.training.run_folder import (
        RunFolder as RunFolder,
        UnwrittenRun as UnwrittenRun,
        check_new_name as check_new_name,
    )

__getattr__ = lazy_names(
    __name__,
    {
        "consistency": "check_same",
        "run": "build_model run_training",
        "run_folder": "RunFolder UnwrittenRun check_new_name",
    },
)
