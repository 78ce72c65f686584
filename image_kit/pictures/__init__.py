"""Every picture that the kit draws."""

from typing import TYPE_CHECKING

from image_kit.lazy import lazy_names

if TYPE_CHECKING:
    from image_kit.pictures.answer_sheet import (
        AnswerSheet as AnswerSheet,
    )
    from image_kit.pictures.heat_maps import (
        HeatMaps as HeatMaps,
    )
    from image_kit.pictures.picture_grid import (
        Grid as Grid,
        save_grid as save_grid,
    )
    from image_kit.pictures.plots import (
        plot_confusion_matrix as plot_confusion_matrix,
        plot_contact_sheet as plot_contact_sheet,
        plot_curves as plot_curves,
        plot_gallery as plot_gallery,
        plot_mosaic as plot_mosaic,
        plot_test_scores as plot_test_scores,
    )

__getattr__ = lazy_names(
    __name__,
    {
        "answer_sheet": "AnswerSheet",
        "heat_maps": "HeatMaps",
        "picture_grid": "Grid save_grid",
        "plots": "plot_confusion_matrix plot_contact_sheet plot_curves plot_gallery plot_mosaic plot_test_scores",
    },
)
