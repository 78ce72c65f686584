"""The weights file: its format, saving, loading, and safety.

NAME.weights.h5 is the file that Keras's own `model.save_weights` writes, so `model.load_weights` reads it. The kit adds
to the HDF5 file:

- root attributes image_classifier_0, _1, ...: `Description` as JSON (network, class names, preprocessing, metrics,
  versions);
- data set image_classifier_trained_on, uint64 (n,): fingerprints of the photos that the weights were trained or
  validated on;
- data set image_classifier_trust, uint8 (n,): calibration and golden self-test (image_kit.trust);
- root attribute crc32: CRC-32 of all of this and of all weights.

`save_weights` writes a Keras model, to which `add_trust` adds the trust data. `save_network` writes all of the file at
once from NumPy arrays, and imports no Keras. `load_weights` and `read_network_weights` are their inverses.

The network in the description is a list of layers with their settings. In a network with branches, such as residual
blocks, a layer also lists its inputs (network.py).

Reading a file runs no code from it, follows no link into another file, and takes no more memory than the file's size.
"""

from typing import TYPE_CHECKING

from image_kit.lazy import lazy_names

if TYPE_CHECKING:
    from image_kit.weights.building import (
        build_network as build_network,
        build_with_weights as build_with_weights,
        check_supported as check_supported,
        head_of as head_of,
        is_binary as is_binary,
        network_of as network_of,
    )
    from image_kit.weights.checksum import verify_checksum as verify_checksum
    from image_kit.weights.description import (
        Description as Description,
        read_description as read_description,
        read_trained_on as read_trained_on,
        with_progress as with_progress,
    )
    from image_kit.weights.fallback import Fallback as Fallback
    from image_kit.weights.hdf5_safety import count_numbers as count_numbers
    from image_kit.weights.layout import Weights as Weights, keras_order as keras_order
    from image_kit.weights.network import (
        ALLOWED_LAYERS as ALLOWED_LAYERS,
        Network as Network,
        check_network as check_network,
        head_of_network as head_of_network,
    )
    from image_kit.weights.newest import (
        BEST as BEST,
        LAST as LAST,
        RUNS as RUNS,
        add_weights_options as add_weights_options,
        fallback_from as fallback_from,
        find_weights as find_weights,
    )
    from image_kit.weights.other_kinds import name_other_kind as name_other_kind
    from image_kit.weights.plain_files import (
        read_network_weights as read_network_weights,
        save_network as save_network,
    )
    from image_kit.weights.saving import (
        add_trust as add_trust,
        load_weights as load_weights,
        save_weights as save_weights,
    )
    from image_kit.weights.trust_data import read_trust as read_trust

__getattr__ = lazy_names(
    __name__,
    {
        "building": "build_network build_with_weights check_supported head_of is_binary network_of",
        "checksum": "verify_checksum",
        "description": "Description read_description read_trained_on with_progress",
        "fallback": "Fallback",
        "hdf5_safety": "count_numbers",
        "layout": "Weights keras_order",
        "network": "ALLOWED_LAYERS Network check_network head_of_network",
        "newest": "BEST LAST RUNS add_weights_options fallback_from find_weights",
        "other_kinds": "name_other_kind",
        "plain_files": "read_network_weights save_network",
        "saving": "add_trust load_weights save_weights",
        "trust_data": "read_trust",
    },
)
