"""A TFLite graph that is put together operator by operator and written as a flatbuffer, without TensorFlow.

The schema is the one that LiteRT itself carries: https://ai.google.dev/edge/litert (schema.fbs).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

ALIGNMENT = 16  # bytes; schema.fbs asks for it, and LiteRT then reads the weights where they are mapped
MAX_BYTES = 2**31 - 2**20  # a flatbuffer's offsets have 31 bits; the rest is for all that is not weights
VERSION = 3  # of the schema
IDENTIFIER = b"TFL3"
TYPES = {
    "float32": schema.TensorType.FLOAT32,
    "float16": schema.TensorType.FLOAT16,
    "int32": schema.TensorType.INT32,
    "int8": schema.TensorType.INT8,
}

Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Quantized:
    """What the numbers of a quantized tensor stand for: (number - zero_point) * scale.

    Attributes:
        scale: float32 (1,), or one for each channel.
        zero_point: of all channels; 0 where there are several.
        axis: the dimension of the channels.
    """

    scale: np.ndarray
    zero_point: int = 0
    axis: int = 0


@dataclass(frozen=True)
class Operator:
    """The arguments of `Graph.operator`."""

    code: str
    inputs: list[int]
    output: int
    options: str
    version: int
    settings: dict[str, Any]


class Graph:
    """Tensors and operators in the order in which they run. A tensor is known by its number.

    Attributes:
        shapes: of each tensor; the first number of a tensor that is not constant is the batch, and is 1.
        names: of each tensor.
        constants: the values of the tensors that are constant.
        operators: in the order in which they run.
        is_fixed: whether the file says that batches have one image. Interpreters can still be told another number;
            runtimes that compile a file beforehand, as in browsers and on phones' accelerators, need such a file.
        metadata: blocks of bytes by name, which the file carries beside its network.
    """

    def __init__(self, is_fixed: bool = False) -> None:
        self.is_fixed = is_fixed
        self.metadata: dict[str, bytes] = {}
        self.shapes: list[Shape] = []
        self.names: list[str] = []
        self.constants: dict[int, np.ndarray] = {}
        self.operators: list[Operator] = []
        self._tensors: list[Any] = []
        self._buffers: list[Any] = [schema.BufferT()]  # number 0 is empty and means "no constant"
        self._operators: list[Any] = []
        self._codes: dict[tuple[int, int], int] = {}

    def tensor(self, shape: Shape, name: str, quantized: Quantized | None = None, has_batch: bool = True) -> int:
        """A new tensor: float32, or int8 if quantized. If it has a batch, its first size may be any as it runs."""
        signature = {"shapeSignature": [-1, *shape[1:]]} if has_batch and not self.is_fixed else {}
        return self._add(shape, quantized, name=name, type=TYPES["int8" if quantized else "float32"], **signature)

    def constant(self, values: np.ndarray, name: str, quantized: Quantized | None = None) -> int:
        """A new constant tensor; the values' type is one of TYPES."""
        kind, buffer = TYPES[str(values.dtype)], self._buffer(values)
        tensor = self._add(values.shape, quantized, name=name, type=kind, buffer=buffer)
        self.constants[tensor] = values
        return tensor

    def operator(
        self, code: str, inputs: Sequence[int], output: int, options: str = "", version: int = 1, **settings: Any
    ) -> int:
        """Append an operator and return its output.

        Args:
            code: in schema.BuiltinOperator.
            inputs: tensors.
            output: a tensor that nothing has written yet.
            options: the name of the operator's table in schema.BuiltinOptions; none if "".
            version: the first one of the operator that knows these settings.
            settings: of the table.
        """
        number = self._codes.setdefault((getattr(schema.BuiltinOperator, code), version), len(self._codes))
        made = _with(schema.OperatorT(), opcodeIndex=number, inputs=list(inputs), outputs=[output])
        if options:
            table = _with(getattr(schema, f"{options}T")(), **settings)
            _with(made, builtinOptionsType=getattr(schema.BuiltinOptions, options), builtinOptions=table)
        self._operators.append(made)
        self.operators.append(Operator(code, list(inputs), output, options, version, settings))
        return output

    def to_bytes(self, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> memoryview:
        """The flatbuffer, with one signature "serving_default".

        Args:
            inputs: tensors by their names in the signature.
            outputs: likewise.

        Raises:
            ValueError: the constants have more than MAX_BYTES.
        """
        metadata = [_with(schema.MetadataT(), name=name, buffer=self._buffer(data)) for name, data in self._blocks()]
        total = sum(buffer.data.nbytes + 2 * ALIGNMENT for buffer in self._buffers[1:])
        if total > MAX_BYTES:
            raise ValueError(f"weights of {total:,} bytes, more than {MAX_BYTES:,}")
        model = _with(
            schema.ModelT(),
            version=VERSION,
            operatorCodes=[_operator_code(*each) for each in self._codes],
            subgraphs=[self._subgraph(inputs, outputs)],
            description="image-classification-kit",
            buffers=self._buffers,
            signatureDefs=[_signature(inputs, outputs)],
            metadata=metadata or None,
        )
        builder = flatbuffers.Builder(total + 1_000 * (len(self._tensors) + 10))  # one allocation; 1,000 is ample
        builder.Finish(model.Pack(builder), IDENTIFIER)
        return memoryview(builder.Bytes)[builder.Head() :]

    def _blocks(self) -> list[tuple[str, np.ndarray]]:
        return [(name, np.frombuffer(block, np.uint8)) for name, block in self.metadata.items()]

    def _buffer(self, values: np.ndarray) -> int:
        """The number of a new buffer with these values."""
        self._buffers.append(_with(_AlignedBuffer(), data=values))
        return len(self._buffers) - 1

    def _add(self, shape: Shape, quantized: Quantized | None, name: str, **attributes: Any) -> int:
        if quantized:
            attributes["quantization"] = _with(
                schema.QuantizationParametersT(),
                scale=quantized.scale,
                zeroPoint=np.full(len(quantized.scale), quantized.zero_point, np.int64),
                quantizedDimension=quantized.axis,
            )
        self._tensors.append(_with(schema.TensorT(), shape=list(shape), hasRank=True, name=name, **attributes))
        self.shapes.append(shape)
        self.names.append(name)
        return len(self._tensors) - 1

    def _subgraph(self, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> Any:
        return _with(
            schema.SubGraphT(),
            tensors=self._tensors,
            inputs=list(inputs.values()),
            outputs=list(dict.fromkeys(outputs.values())),
            operators=self._operators,
            name="main",
        )


def _operator_code(code: int, version: int) -> Any:
    # Runtimes from before the codes had 16 bits read the 8 bits of the deprecated one.
    return _with(schema.OperatorCodeT(), deprecatedBuiltinCode=min(code, 127), builtinCode=code, version=version)


def _signature(inputs: Mapping[str, int], outputs: Mapping[str, int]) -> Any:
    named = [
        [_with(schema.TensorMapT(), name=name, tensorIndex=tensor) for name, tensor in tensors.items()]
        for tensors in (inputs, outputs)
    ]
    return _with(schema.SignatureDefT(), inputs=named[0], outputs=named[1], signatureKey="serving_default")


def _with(table: Any, **attributes: Any) -> Any:
    """A table of the schema with these attributes; not all versions of LiteRT's schema take them as arguments."""
    for name, value in attributes.items():
        if not hasattr(table, name):
            raise AttributeError(f"{type(table).__name__} has no {name}")
        setattr(table, name, value)
    return table


class _AlignedBuffer(schema.BufferT):
    """Values in the flatbuffer, aligned to ALIGNMENT, which the schema's own Python class is not."""

    def Pack(self, builder: flatbuffers.Builder) -> int:
        """Write the values in front of what the builder has; returns their place."""
        values = self.data
        builder.StartVector(1, values.nbytes, ALIGNMENT)
        builder.head -= values.nbytes
        place = np.frombuffer(builder.Bytes, values.dtype, values.size, builder.head)
        place.reshape(values.shape)[...] = values  # a transposed kernel is not copied before
        data = builder.EndVector()
        schema.BufferStart(builder)
        schema.BufferAddData(builder, data)
        return schema.BufferEnd(builder)
