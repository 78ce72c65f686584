"""One training run: build -> fit -> finish (run.py). Each of the other files contains one step."""

from typing import TYPE_CHECKING

from image_kit.lazy import lazy_names

if TYPE_CHECKING:
    from image_kit.training.fine_tuning import FineTuning as FineTuning
    from image_kit.training.head_data import (
        HeadData as HeadData,
        keep_features as keep_features,
        load_head_data as load_head_data,
    )
    from image_kit.training.head_run import HeadRun as HeadRun
    from image_kit.training.network import make_model as make_model, make_variables as make_variables
    from image_kit.training.preparation import (
        absolute_backbone as absolute_backbone,
        complete as complete,
        find_data as find_data,
        find_inputs as find_inputs,
        how_to_go_on as how_to_go_on,
        keep_all_features as keep_all_features,
        prepare_runs as prepare_runs,
    )
    from image_kit.training.run import Run as Run
    from image_kit.training.run_folder import (
        METRICS as METRICS,
        RunFolder as RunFolder,
        WorkerRunFolder as WorkerRunFolder,
        check_new_name as check_new_name,
    )
    from image_kit.training.run_list import (
        ListedRun as ListedRun,
        describe_runs as describe_runs,
        list_runs as list_runs,
    )
    from image_kit.training.run_scores import (
        RunScore as RunScore,
        read_number as read_number,
        read_run_scores as read_run_scores,
    )
    from image_kit.training.seed_runs import (
        SeedRuns as SeedRuns,
        SeedScores as SeedScores,
        SeedsSummary as SeedsSummary,
        start_afresh as start_afresh,
    )
    from image_kit.training.settings import Settings as Settings
    from image_kit.training.start import set_up_training as set_up_training

__getattr__ = lazy_names(
    __name__,
    {
        "fine_tuning": "FineTuning",
        "head_data": "HeadData keep_features load_head_data",
        "head_run": "HeadRun",
        "network": "make_model make_variables",
        "preparation": "absolute_backbone complete find_data find_inputs how_to_go_on keep_all_features prepare_runs",
        "run": "Run",
        "run_list": "ListedRun describe_runs list_runs",
        "run_folder": "METRICS RunFolder WorkerRunFolder check_new_name",
        "run_scores": "RunScore read_number read_run_scores",
        "seed_runs": "SeedRuns SeedScores SeedsSummary start_afresh",
        "settings": "Settings",
        "start": "set_up_training",
    },
)
