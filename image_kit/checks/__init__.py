"""What is wrong with a folder of photos: each file holds one question, answered with a list of findings."""

from typing import TYPE_CHECKING

from image_kit.lazy import lazy_names

if TYPE_CHECKING:
    from image_kit.checks.applying import Cleaned as Cleaned, apply_findings as apply_findings
    from image_kit.checks.balance import find_imbalance as find_imbalance
    from image_kit.checks.checked_photos import (
        CheckedPhotos as CheckedPhotos,
        load_checked_photos as load_checked_photos,
    )
    from image_kit.checks.checking import (
        FolderCheck as FolderCheck,
        check_folder as check_folder,
        write_report as write_report,
        write_tables as write_tables,
    )
    from image_kit.checks.confusions import (
        ConfusedPair as ConfusedPair,
        find_confusions as find_confusions,
        list_confusions as list_confusions,
    )
    from image_kit.checks.copies import find_copies as find_copies
    from image_kit.checks.file_facts import FileFacts as FileFacts, read_file_facts as read_file_facts
    from image_kit.checks.films import find_films as find_films, write_groups as write_groups
    from image_kit.checks.findings import Finding as Finding
    from image_kit.checks.findings_file import (
        Accepted as Accepted,
        find_checked_folder as find_checked_folder,
        read_accepted as read_accepted,
        write_findings as write_findings,
    )
    from image_kit.checks.learning_curve import (
        LearningCurve as LearningCurve,
        find_learning_curve as find_learning_curve,
    )
    from image_kit.checks.near_copies import NearCopy as NearCopy, find_near_copies as find_near_copies
    from image_kit.checks.odd_files import find_odd_files as find_odd_files
    from image_kit.checks.shortcuts import find_shortcuts as find_shortcuts
    from image_kit.checks.splits import find_unlike_parts as find_unlike_parts
    from image_kit.checks.strangers import (
        StrangerScores as StrangerScores,
        list_strangers as list_strangers,
        score_strangers as score_strangers,
    )
    from image_kit.checks.wrong_labels import (
        LabelScores as LabelScores,
        list_wrong_labels as list_wrong_labels,
        score_labels as score_labels,
    )

__getattr__ = lazy_names(
    __name__,
    {
        "applying": "Cleaned apply_findings",
        "balance": "find_imbalance",
        "checked_photos": "CheckedPhotos load_checked_photos",
        "checking": "FolderCheck check_folder write_report write_tables",
        "confusions": "ConfusedPair find_confusions list_confusions",
        "copies": "find_copies",
        "file_facts": "FileFacts read_file_facts",
        "films": "find_films write_groups",
        "findings": "Finding",
        "findings_file": "Accepted find_checked_folder read_accepted write_findings",
        "learning_curve": "LearningCurve find_learning_curve",
        "near_copies": "NearCopy find_near_copies",
        "odd_files": "find_odd_files",
        "strangers": "StrangerScores list_strangers score_strangers",
        "wrong_labels": "LabelScores list_wrong_labels score_labels",
        "shortcuts": "find_shortcuts",
        "splits": "find_unlike_parts",
    },
)
