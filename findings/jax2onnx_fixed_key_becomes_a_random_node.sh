#!/usr/bin/env bash
# jax2onnx 0.17.1 (jax 0.10.2): a draw with a fixed key inside the function becomes a node that draws at every run.
# Expected: jax.random.normal(key, shape) is a pure function of its key (jax's documentation: "the same key will always
#   produce the same result"), so that the exported model computes what the function does: here z @ W with one matrix W.
# What happens: the draw is written as RandomNormal and RandomNormalLike with seed 0 whatever the key; at opset 21 ONNX
#   Runtime runs the file, and its output is neither the function's nor the same from run to run. No warning. (At the
#   default opset, 23, ONNX Runtime 1.27 to 1.32 has no such operator and refuses the file.)
# Our users: fixed random features or weights that are drawn inside a decoder are not in its file. Draw them outside the
#   function. A file with a random node is refused here.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q jax2onnx==0.17.1 jax==0.10.2 jaxlib==0.10.2 flax==0.12.8 onnxruntime==1.32.0 numpy==2.4.6 || exit 2
JAX_PLATFORMS=cpu "$folder/venv/bin/python" -W ignore - <<'PYTHON'
from importlib.metadata import version

import jax
import numpy as np
import onnxruntime
from jax2onnx import to_onnx


def decoder(z):
    return z @ jax.random.normal(jax.random.key(2), (4, 3))


model = to_onnx(decoder, [(1, 4)], opset=21)
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
z = np.ones((1, 4), np.float32)
expected = np.asarray(decoder(z))
seen = [session.run(None, {session.get_inputs()[0].name: z})[0] for _ in range(2)]
print("jax2onnx", version("jax2onnx"), [node.op_type for node in model.graph.node])
print("expected, at every run:", expected)
for run, values in enumerate(seen, 1):
    print(f"seen, run {run}:           ", values)
wrong = not any(np.allclose(values, expected, atol=1e-3) for values in seen)
raise SystemExit(0 if wrong and not np.array_equal(seen[0], seen[1]) else 1)
PYTHON
