"""Run a flatbuffer that the kit wrote itself, on all cores and from any thread."""

import contextlib
import queue
from concurrent.futures import Future
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from image_kit.answering.lite_classifier import refuse_large_tensors, source_of
from image_kit.compute import native_stderr_held_back
from image_kit.machine import cpu_cores
from image_kit.threads import threads

# Images that go through the network at once. With EfficientNet-Lite0 on one thread, 2 to 4 take 7 % less time an image
# than 1, and 8 or more take longer than 1, since the layers' outputs leave the processor's caches.
CHUNK = 4


class LiteNetwork:
    """A network in LiteRT with one interpreter of one thread for each core, which is faster than one with all threads.

    LiteRT is native code. A file that is not from a trusted source must have passed `refuse_unsafe_network`. Close the
    network, or use it in a `with` statement, to free its memory.

    Attributes:
        image_shape: (height, width, channels) of the images.
    """

    def __init__(self, flatbuffer: Path | bytes | memoryview, rescale: float = 1.0, chunk: int = CHUNK):
        """Load the network.

        Args:
            flatbuffer: a file or its content, as `lite_writer` writes it.
            rescale: a factor for uint8 images, as in `Preprocessing`.
            chunk: how many images an interpreter runs at once.

        Raises:
            ValueError: LiteRT cannot load it, or it would take too much memory.
            RuntimeError: its layers do not fit each other.
        """
        self._rescale, self._chunk = np.float32(rescale), chunk
        source = source_of(flatbuffer) if isinstance(flatbuffer, Path) else {"model_content": bytes(flatbuffer)}
        # Interpreters with the number of images that each has memory for; None if closed. The last one used comes
        # first, so that single images need only one: its first use takes 10 ms and as much memory as the weights.
        self._free: queue.LifoQueue[tuple[Interpreter, int] | None] = queue.LifoQueue()
        with native_stderr_held_back():  # LiteRT prints which kernels it uses
            interpreters = [Interpreter(**source, num_threads=1) for _ in range(cpu_cores())]
            refuse_large_tensors(interpreters[0], len(source["model_content"]))
            interpreters[0].allocate_tensors()  # the first time, it prints more
        self._count = len(interpreters)
        for interpreter in interpreters:
            self._free.put((interpreter, 0))
        runner = interpreters[0].get_signature_runner()
        (self._input,) = runner.get_input_details().values()
        self._outputs = [details for _, details in sorted(runner.get_output_details().items())]
        self.image_shape = tuple(map(int, self._input["shape"][1:]))

    def run(self, images: np.ndarray) -> list[np.ndarray]:
        """Run the network on any number of images.

        Up to `chunk` images run in the calling thread, which may be one of `threads()`. More are divided among
        `threads()`; a task of these must not wait for that.

        Args:
            images: float32 or uint8 (n, *image_shape). Those of uint8 are multiplied by `rescale`.

        Returns:
            The outputs in the order of their names, float32 (n, ...) each. They do not depend on how many images run
            together.

        Raises:
            ValueError: the images have another shape or type, or the network is closed.
        """
        if images.shape[1:] != self.image_shape or images.dtype not in (np.uint8, np.float32):
            raise ValueError(
                f"images must be uint8 or float32 (n, *{self.image_shape}), not {images.dtype} {images.shape}"
            )
        if not len(images):
            return [np.empty((0, *details["shape"][1:]), np.float32) for details in self._outputs]
        chunks = np.array_split(images, -(-len(images) // self._chunk))
        if len(chunks) == 1:
            return self._run_chunk(images)
        tasks: list[Future] = [threads().submit(self._run_chunk, chunk) for chunk in chunks]
        return [np.concatenate(parts) for parts in zip(*(task.result() for task in tasks), strict=True)]

    def _run_chunk(self, images: np.ndarray) -> list[np.ndarray]:
        if images.dtype == np.uint8:
            images = np.multiply(images, self._rescale, dtype=np.float32)
        interpreter, ready_for = self._take()
        try:
            if ready_for != len(images):
                ready_for = 0  # should this fail
                interpreter.resize_tensor_input(self._input["index"], images.shape)
                interpreter.allocate_tensors()
                ready_for = len(images)
            interpreter.set_tensor(self._input["index"], images)
            interpreter.invoke()
            return [interpreter.get_tensor(details["index"]) for details in self._outputs]
        finally:
            self._free.put((interpreter, ready_for))

    def _take(self) -> tuple[Interpreter, int]:
        """An interpreter that nobody uses, as soon as there is one; raises ValueError if the network is closed."""
        taken = self._free.get()
        if taken is None:
            self._free.put(None)
            raise ValueError("the network is closed")
        return taken

    def close(self) -> None:
        """Free the interpreters' memory, after those in use have ended."""
        with contextlib.suppress(ValueError):  # closed before
            for _ in range(self._count):
                self._take()
            self._free.put(None)

    def __enter__(self) -> "LiteNetwork":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
