"""The pictures that the kit draws."""

from typing import TYPE_CHECKING

from image_kit.lazy import lazy_names
from image_kit.pictures.backend import import_matplotlib

if TYPE_CHECKING:
    from image_kit.pictures.answer_sheet import (
        AnswerSheet as AnswerSheet,
        overlay as overlay,
    )
    from image_kit.pictures.confusion_matrix import (
        plot_confusion_matrix as plot_confusion_matrix,
    )
    from image_kit.pictures.curves import (
        plot_curves as plot_curves,
        plot_test_scores as plot_test_scores,
    )
    from image_kit.pictures.evaluation import (
        plot_mistakes as plot_mistakes,
    )
    from image_kit.pictures.galleries import (
        plot_contact_sheet as plot_contact_sheet,
        plot_gallery as plot_gallery,
        plot_mosaic as plot_mosaic,
    )
    from image_kit.pictures.heat_maps import (
        HeatMaps as HeatMaps,
    )
    from image_kit.pictures.picture_grid import (
        Grid as Grid,
        save_grid as save_grid,
    )

import_matplotlib()  # before any file of this room does

__getattr__ = lazy_names(
    __name__,
    {
        "answer_sheet": "AnswerSheet overlay",
        "confusion_matrix": "plot_confusion_matrix",
        "curves": "plot_curves plot_test_scores",
        "evaluation": "plot_mistakes",
        "galleries": "plot_contact_sheet plot_gallery plot_mosaic",
        "heat_maps": "HeatMaps",
        "picture_grid": "Grid save_grid",
    },
)
