"""Reports: one HTML file each, complete in itself, for a browser without a network."""

from typing import TYPE_CHECKING

from image_kit.lazy import lazy_names

if TYPE_CHECKING:
    from image_kit.reports.charts import (
        Chart as Chart,
        Series as Series,
        history_charts as history_charts,
        reliability_chart as reliability_chart,
    )
    from image_kit.reports.page_data import (
        CheckedFor as CheckedFor,
        CheckPage as CheckPage,
        ComparisonPage as ComparisonPage,
        EvaluationPage as EvaluationPage,
        LikelyCause as LikelyCause,
        ListedFinding as ListedFinding,
        PhotoPair as PhotoPair,
        ScoredImages as ScoredImages,
        SeedsPage as SeedsPage,
        TrainingPage as TrainingPage,
    )
    from image_kit.reports.pages import (
        REPORT as REPORT,
        try_to_write as try_to_write,
        write_check_report as write_check_report,
        write_comparison_report as write_comparison_report,
        write_evaluation_report as write_evaluation_report,
        write_seeds_report as write_seeds_report,
        write_training_report as write_training_report,
    )
    from image_kit.reports.thumbnails import Photo as Photo

__getattr__ = lazy_names(
    __name__,
    {
        "charts": "Chart Series history_charts reliability_chart",
        "page_data": "CheckPage CheckedFor ComparisonPage EvaluationPage LikelyCause ListedFinding PhotoPair "
        "ScoredImages SeedsPage TrainingPage",
        "pages": "REPORT try_to_write write_check_report write_comparison_report write_evaluation_report "
        "write_seeds_report write_training_report",
        "thumbnails": "Photo",
    },
)
