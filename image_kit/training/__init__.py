"""One training run: build -> fit -> finish (run.py). Each of the other files contains one step."""

from typing import TYPE_CHECKING

from image_kit.lazy import lazy_names

if TYPE_CHECKING:
    from image_kit.training.fine_tuning import FineTuning as FineTuning
    from image_kit.training.head_data import (
        keep_features as keep_features,
        load_head_data as load_head_data,
    )
    from image_kit.training.head_run import HeadRun as HeadRun
    from image_kit.training.network import make_model as make_model
    from image_kit.training.run import Run as Run
    from image_kit.training.run_folder import (
        RunFolder as RunFolder,
        WorkerRunFolder as WorkerRunFolder,
        check_new_name as check_new_name,
    )
    from image_kit.training.settings import Settings as Settings
    from image_kit.training.start import set_up_training as set_up_training

__getattr__ = lazy_names(
    __name__,
    {
        "fine_tuning": "FineTuning",
        "head_data": "keep_features load_head_data",
        "head_run": "HeadRun",
        "network": "make_model",
        "run": "Run",
        "run_folder": "RunFolder WorkerRunFolder check_new_name",
        "settings": "Settings",
        "start": "set_up_training",
    },
)
