"""The TFLite Metadata of an image classifier, which tells other programs its preprocessing and its labels.

Source of the numbers of the fields: metadata_schema.fbs of TensorFlow Lite Support, version 1.5.0 of the schema.
Programs such as MediaPipe read it; the labels are an "associated file", a member of the zip archive after the network.
"""

from collections.abc import Callable

import flatbuffers

NAME = "TFLITE_METADATA"  # of the block of bytes in the flatbuffer
IDENTIFIER = b"M001"
LABELS = "labels.txt"
PARSER = "1.0.0"  # the oldest reader that knows all that is used here
RGB, GRAYSCALE = 1, 2  # ColorSpaceType
IMAGE_PROPERTIES, NORMALIZATION, AXIS_LABELS = 2, 1, 2  # in ContentProperties, ProcessUnitOptions, AssociatedFileType


def tflite_metadata(name: str, description: str, image_shape: tuple[int, int, int]) -> bytes:
    """A ModelMetadata flatbuffer of a network that takes one image, and gives a probability for each label.

    Args:
        name, description: for people.
        image_shape: (height, width, channels) of the image, float32 0..255, which the network rescales itself.
    """
    builder = flatbuffers.Builder(1_024)
    image = _tensor(builder, "image", "pixels from 0 to 255", content=_image_content(builder, image_shape))
    answer = _tensor(builder, "probability", "of each class, calibrated; the sum is 1", labels=LABELS)
    graph = _table(builder, 10, {2: _vector(builder, [image]), 3: _vector(builder, [answer])})
    fields = {0: builder.CreateString(name), 1: builder.CreateString(description)}
    fields |= {3: _vector(builder, [graph]), 7: builder.CreateString(PARSER)}
    builder.Finish(_table(builder, 8, fields), IDENTIFIER)
    return bytes(builder.Output())


def _image_content(builder: flatbuffers.Builder, image_shape: tuple[int, int, int]) -> int:
    height, width, channels = image_shape
    size = _table(
        builder, 2, {}, lambda: (builder.PrependUint32Slot(0, width, 0), builder.PrependUint32Slot(1, height, 0))
    )
    colours = RGB if channels == 3 else GRAYSCALE
    properties = _table(builder, 2, {1: size}, lambda: builder.PrependInt8Slot(0, colours, 0))
    return _table(builder, 3, {1: properties}, lambda: builder.PrependUint8Slot(0, IMAGE_PROPERTIES, 0))


def _tensor(builder: flatbuffers.Builder, name: str, description: str, content: int = 0, labels: str = "") -> int:
    fields = {0: builder.CreateString(name), 1: builder.CreateString(description)}
    if content:  # pixels are given as they are: minus 0, divided by 1
        options = _table(builder, 2, {0: _floats(builder, [0.0]), 1: _floats(builder, [1.0])})
        unit = _table(builder, 2, {1: options}, lambda: builder.PrependUint8Slot(0, NORMALIZATION, 0))
        limits = _table(builder, 2, {0: _floats(builder, [255.0]), 1: _floats(builder, [0.0])})
        fields |= {3: content, 4: _vector(builder, [unit]), 5: limits}
    if labels:
        text = {0: builder.CreateString(labels), 1: builder.CreateString("class names, one a line")}
        file = _table(builder, 5, text, lambda: builder.PrependInt8Slot(2, AXIS_LABELS, 0))
        fields |= {6: _vector(builder, [file])}
    return _table(builder, 7, fields)


def _table(
    builder: flatbuffers.Builder, size: int, offsets: dict[int, int], numbers: Callable[[], object] = lambda: None
) -> int:
    """A table of `size` fields: offsets by the number of their field, and what `numbers` writes."""
    builder.StartObject(size)
    for slot, offset in offsets.items():
        builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
    numbers()
    return builder.EndObject()


def _vector(builder: flatbuffers.Builder, offsets: list[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return builder.EndVector()


def _floats(builder: flatbuffers.Builder, values: list[float]) -> int:
    builder.StartVector(4, len(values), 4)
    for value in reversed(values):
        builder.PrependFloat32(value)
    return builder.EndVector()
