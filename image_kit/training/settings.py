"""What a run was asked to do. It is stored in settings.json in the run folder, and --resume follows it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from image_kit.errors import UserError, first_line
from image_kit.json_files import parse_json
from image_kit.options import check_recipe
from image_kit.recipe import DESCRIPTIVE, Augmentation, Recipe


@dataclass(frozen=True)
class Settings:
    """What a run was asked to do.

    Attributes:
        name: the preset or the folder that train.py was given.
        recipe: with the changes that the options made.
        folder: the absolute path of the folder of photos; None for an array data set.
        is_demo: whether the photos are drawings.
        data_dir: the folder with NAME.npz of an array data set; None: the usual places.
        tensorboard: whether to write logs for TensorBoard.
        score_each_epoch: whether to score the test images after every epoch too, for a picture only.
        profile: whether to report where each epoch's time went.
        groups: the absolute path of a CSV file that says which photos stay together; None for none.
        keep_features: whether features of photos are kept in the cache folder, and looked up there.
    """

    name: str
    recipe: Recipe
    folder: str | None = None
    is_demo: bool = False
    data_dir: str | None = None
    tensorboard: bool = False
    score_each_epoch: bool = False
    profile: bool = False
    groups: str | None = None
    keep_features: bool = True

    def to_dict(self) -> dict[str, Any]:
        """The content of settings.json, without the fields that only describe the preset."""
        values = asdict(self)
        recipe = {name: value for name, value in values.pop("recipe").items() if name not in DESCRIPTIVE}
        return {**values, "recipe": recipe}

    def to_text(self) -> str:
        """JSON for `from_json`."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str, path: Path) -> "Settings":
        """The inverse of `to_dict`. Newer fields may be missing. Raises UserError, naming `path`, if damaged."""
        try:
            values = parse_json(text)
            recipe = values.pop("recipe")
            augmentation = recipe.pop("augmentation")
            for name in ("brightness_range", "random_resized_crop"):
                if augmentation.get(name):
                    augmentation[name] = tuple(augmentation[name])
            recipe["image_size"] = tuple(recipe["image_size"])
            settings = cls(recipe=Recipe(**recipe, augmentation=Augmentation(**augmentation)), **values)
            if settings.recipe.dataset == "photos" and not isinstance(settings.folder, str):
                raise ValueError("it names no folder of photos")
            check_recipe(settings.recipe)
            _check_types(settings)
            return settings
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{path}: damaged ({first_line(error)}); this run cannot be resumed") from None


def _check_types(settings: Settings) -> None:
    """Raise ValueError on a member of another type than it should have."""
    texts = [
        settings.name,
        *(text for text in (settings.folder, settings.data_dir, settings.groups) if text is not None),
    ]
    if not all(isinstance(text, str) and "\0" not in text for text in texts):
        raise ValueError("a name or a path is no text")
    switches = settings.is_demo, settings.tensorboard, settings.score_each_epoch, settings.profile
    if not all(isinstance(switch, bool) for switch in (*switches, settings.keep_features)):
        raise ValueError("a switch is neither true nor false")
