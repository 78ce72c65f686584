"""What the caller knows about weights files that do not describe themselves.

Files of older versions name their network but do not contain it. Files that Keras wrote say nothing: the user adds
--preset and, if needed, --class-names.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from image_kit.call import call
from image_kit.errors import UserError
from image_kit.named_networks import NamedNetworks
from image_kit.photos import Preprocessing
from image_kit.recipe import Recipe
from image_kit.weights.building import build_network
from image_kit.weights.description import Description, is_whole_model, read_class_names, read_description

if TYPE_CHECKING:
    import keras

MOST_NAMED = 5  # classes in a message


@dataclass(frozen=True)
class Fallback:
    """Networks and presets of the caller, and what the user said about one file.

    Attributes:
        networks: where to find a network that a file only names; None: nowhere.
        presets: recipes by name.
        preset: the user's --preset: names the network of a file that does not describe itself.
        class_names: the user's --class-names for such a file, in index order. Default: the preset's.
    """

    networks: NamedNetworks | None = None
    presets: Mapping[str, Recipe] = field(default_factory=dict)
    preset: str | None = None
    class_names: tuple[str, ...] | None = None

    def describe(self, path: Path) -> Description:
        """What is known of a weights file: its own description, or what the options say.

        Raises:
            UserError: as `read_description`; or the file does not describe itself and no preset is given; or an
                option contradicts the file.
        """
        description = read_description(path)
        if description:
            self.refuse_contradiction(path, description)
            return description
        if self.preset is None:
            names = [name for name, preset in self.presets.items() if not preset.backbone]
            known = f"add --preset, one of {', '.join(names)}" if names else "train it with this kit"
            if is_whole_model(path):
                raise UserError(
                    f"{path}: is a whole model of Keras without the names of its classes; if its network is that of a "
                    f"tutorial, {known}; any other can be a backbone: "
                    f"{call('train.py', 'my_photos', '--backbone', path)}"
                )
            raise UserError(f"{path}: does not say which network it belongs to; {known}")
        return self.describe_preset()

    def describe_preset(self) -> Description:
        """The description of weights that were trained elsewhere, for the network of `preset`."""
        from image_kit.datasets import CLASS_NAMES  # takes 3 ms, which files that describe themselves do not need

        recipe = self.presets[self.preset or ""]
        names = self.class_names or recipe.class_names_of_old_weights or CLASS_NAMES[recipe.dataset]
        try:
            names = read_class_names(names)
        except ValueError as error:
            raise UserError(f"--class-names: {error}") from None
        return Description(recipe.model, names, Preprocessing(recipe.image_shape), self.preset)

    def refuse_contradiction(self, path: Path, description: Description) -> None:
        """Raise UserError if --preset or --class-names contradict the file's own description."""
        if self.preset and self.presets[self.preset].model != description.model:
            raise UserError(
                f"--preset {self.preset}: {path} says that its network is {description.model}; leave the option out"
            )
        if self.class_names and self.class_names != description.class_names:
            names, left = description.class_names, len(description.class_names) - MOST_NAMED
            told = ",".join(names[:MOST_NAMED]) + (f" and {left:,} more" if left > 0 else "")
            raise UserError(f"--class-names: {path} says that its classes are {told}; leave the option out")

    def build(self, path: Path, description: Description) -> "keras.Model":
        """The described network with new weights.

        Raises:
            UserError: the file only names its network, and no network of that name is known.
            ValueError: Keras cannot build it.
        """
        shape = description.preprocessing.image_shape
        if description.network:
            return build_network(description.network, shape)
        if self.networks is None:
            raise UserError(
                f"{path}: names its network, {description.model}, but does not contain it (an older version of the kit "
                "wrote it); use it with predict.py, evaluate.py and export.py, which know that network, or train again"
            )
        return self.networks.build(description.model, shape, len(description.class_names))
