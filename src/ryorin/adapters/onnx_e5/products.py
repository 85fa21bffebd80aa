"""Inner products of bytes on ONNX Runtime, which uses the processor's dot product instructions for them."""

from __future__ import annotations

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper

from ryorin.contexts.knowledge.coarse import LARGEST, OFFSET, SAFE_SIGNED, exact

# opset and intermediate representation of 2021 and 2023: every ONNX Runtime that we run on knows them
OPSET, IR_VERSION = 17, 9


class OnnxByteProducts:
    """The `ByteProducts` port; on one thread, since others want to go on meanwhile."""

    def __init__(self) -> None:
        graph = helper.make_graph(
            [helper.make_node("MatMulInteger", ["left", "right", "offset"], ["products"])],
            "byte_products",
            [
                helper.make_tensor_value_info("left", TensorProto.UINT8, ["rows", "dimensions"]),
                helper.make_tensor_value_info("right", TensorProto.INT8, ["dimensions", "columns"]),
            ],
            [helper.make_tensor_value_info("products", TensorProto.INT32, ["rows", "columns"])],
            [helper.make_tensor("offset", TensorProto.UINT8, [], [OFFSET])],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

        # with VNNI whole bytes are safe, which leaves fewer candidates to compare exactly
        self._largest = LARGEST if exact(self) else SAFE_SIGNED

    @property
    def largest(self) -> int:
        """What signed bytes may be at most on this processor."""
        return self._largest

    def __call__(self, left: NDArray[np.uint8], right: NDArray[np.int8]) -> NDArray[np.int32]:
        """(rows, dimensions) less the offset, times (dimensions, columns), exactly."""
        products: NDArray[np.int32] = self._session.run(None, {"left": left, "right": right})[0]
        return products
