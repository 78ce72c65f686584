"""Creates photo sets: drawings, downloads from Pixabay, splits with exact counts."""

from typing import TYPE_CHECKING

from image_kit.lazy import lazy_names

if TYPE_CHECKING:
    from image_kit.photo_sets.drawings import (
        DEMO_COUNTS as DEMO_COUNTS,
        draw_demo as draw_demo,
        draw_scene as draw_scene,
        photos_or_drawings as photos_or_drawings,
    )
    from image_kit.photo_sets.drawn_things import (
        SUBJECTS as SUBJECTS,
    )
    from image_kit.photo_sets.pixabay import (
        MAX_HITS as MAX_HITS,
        PIXABAY_URL as PIXABAY_URL,
        PixabayClient as PixabayClient,
    )
    from image_kit.photo_sets.pixabay_photos import (
        class_folder as class_folder,
        download_photos as download_photos,
    )
    from image_kit.photo_sets.split import (
        FRACTIONS as FRACTIONS,
        SplitReport as SplitReport,
        split_photos as split_photos,
    )

__getattr__ = lazy_names(
    __name__,
    {
        "drawings": "DEMO_COUNTS draw_demo draw_scene photos_or_drawings",
        "drawn_things": "SUBJECTS",
        "pixabay": "MAX_HITS PIXABAY_URL PixabayClient",
        "pixabay_photos": "class_folder download_photos",
        "split": "FRACTIONS SplitReport split_photos",
    },
)
