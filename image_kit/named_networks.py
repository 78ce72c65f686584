"""Networks by name: the functions of a module that the caller names, such as models.py next to the commands.

The library imports that module only when it needs a network, because Keras takes three seconds to import.
"""

import ast
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from image_kit.errors import UserError

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class NamedNetworks:
    """The public functions of a module. Each takes (image_shape, n_classes) and returns a Keras model.

    Attributes:
        module: its name, as `import` takes it.
    """

    module: str

    def names(self) -> tuple[str, ...]:
        """The functions' names in source order, read from the file without importing it."""
        spec = find_spec(self.module)
        if spec is None or spec.origin is None:
            return ()
        tree = ast.parse(Path(spec.origin).read_bytes())
        functions = (node.name for node in tree.body if isinstance(node, ast.FunctionDef))
        return tuple(name for name in functions if not name.startswith("_"))

    def build(self, name: str, image_shape: tuple[int, int, int], n_classes: int) -> "keras.Model":
        """The network that a function builds.

        Args:
            image_shape: (height, width, channels).
            n_classes: at least 2.

        Raises:
            UserError: there is no such function, or the images are too small for its network.
        """
        if name not in self.names():
            known = ", ".join(self.names())
            raise UserError(f"{self.module}.py: has no network {name!r}; add such a function, or choose from {known}")
        try:
            return getattr(import_module(self.module), name)(image_shape, n_classes)
        except ValueError as error:
            if "negative" not in str(error):  # Keras: "Computed output size would be negative"
                raise
            size = f"{image_shape[0]} x {image_shape[1]}"
            raise UserError(f"--image-size: {size} pixels are too few for the network {name}") from None
