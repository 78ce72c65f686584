"""Where photo sets come from: drawings, Pixabay, exact splits."""

from image_kit.photo_sets.drawings import (
    DEMO_COUNTS as DEMO_COUNTS,
    SUBJECTS as SUBJECTS,
    draw_demo as draw_demo,
)
from image_kit.photo_sets.pixabay import (
    MAX_HITS as MAX_HITS,
    PIXABAY_URL as PIXABAY_URL,
    PixabayClient as PixabayClient,
    class_folder as class_folder,
    download_photos as download_photos,
)
from image_kit.photo_sets.split import (
    FRACTIONS as FRACTIONS,
    SplitReport as SplitReport,
    split_photos as split_photos,
)
