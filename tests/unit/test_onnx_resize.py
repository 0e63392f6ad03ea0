"""Resize and Upsample of every operator set against ONNX Runtime, and the files that are refused."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from certify.errors import InputError
from certify.generators.graph import Affine
from tests.onnx_models import AnyArray, imported, model, node, runtime

TRANSFORMS = ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel", "half_pixel_symmetric")
NEAREST = ("floor", "ceil", "round_prefer_floor", "round_prefer_ceil")
IMAGE = (1, 1, 3, 4)


def resized(
    folder: Path, shape: Sequence[int], given: dict[str, AnyArray], opset: int = 19, **attributes: Any
) -> tuple[AnyArray, AnyArray]:
    """Value of the import and of the runtime at one random image; `given` holds `scales` or `sizes`."""
    constants: dict[str, AnyArray] = {"r": np.zeros(0), "e": np.zeros(0), **given}
    old = opset < 11
    inputs = "z scales" if old else "z r scales" if "scales" in given else "z r e sizes"
    # The image is the input repeated, so that an output smaller than the image still has n >= d.
    nodes = [
        node("Resize", inputs, "y", **attributes),
        node("Flatten", "y", "f"),
        node("Flatten", "z", "g"),
        node("Concat", "f g", "x", axis=1),
    ]
    proto = model(nodes, constants, shape, np.float32, opset)
    proto.ir_version = 5 if old else 9
    point = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    found = imported(proto, folder).value(point.reshape(-1).astype(float))
    return found, runtime(proto, point.reshape(1, -1), tuple(shape))[0]


def agrees(pair: tuple[AnyArray, AnyArray]) -> bool:
    ours, theirs = pair
    return ours.shape == theirs.shape and bool(np.allclose(ours, theirs, atol=1e-5))


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
def test_every_mode_and_transformation(mode: str, transform: str, tmp_path: Path) -> None:
    # The symmetric transformation at a fractional scale puts sources exactly at ties, which are refused (below).
    tied = mode == "nearest" and transform == "half_pixel_symmetric"
    for scale, size in ((2.0, 6), (1.0, 3)) if tied else ((2.5, 7), (1.5, 2), (0.75, 1)):
        for given in ({"scales": np.array([1, 1, scale, 2.0])}, {"sizes": np.array([1, 1, size, 6])}):
            options: dict[str, Any] = {"mode": mode, "coordinate_transformation_mode": transform}
            if mode == "nearest":
                for rounding in NEAREST:
                    assert agrees(resized(tmp_path, IMAGE, given, nearest_mode=rounding, **options)), (given, rounding)
            else:
                assert agrees(resized(tmp_path, IMAGE, given, **options)), given


def test_cubic_options(tmp_path: Path) -> None:
    scales = {"scales": np.array([1, 1, 2.0, 1.5])}
    for a, outside in itertools.product((-0.75, -0.5), (0, 1)):
        assert agrees(resized(tmp_path, IMAGE, scales, mode="cubic", cubic_coeff_a=a, exclude_outside=outside))
    left = resized(tmp_path, IMAGE, scales, mode="cubic", exclude_outside=1)[0]
    assert not np.allclose(left, resized(tmp_path, IMAGE, scales, mode="cubic")[0])


def test_axes_and_aspect_ratio(tmp_path: Path) -> None:
    for policy, size in itertools.product(("stretch", "not_larger", "not_smaller"), ((4, 9), (7, 5))):
        options: dict[str, Any] = {"mode": "linear", "axes": [2, 3], "keep_aspect_ratio_policy": policy}
        assert agrees(resized(tmp_path, IMAGE, {"sizes": np.array(size)}, **options)), (policy, size)
    assert agrees(resized(tmp_path, IMAGE, {"scales": np.array([2.0])}, mode="linear", axes=[-1]))


@pytest.mark.parametrize("mode", ["nearest", "linear"])
@pytest.mark.parametrize("scale", [0.5, 0.75, 1.5, 2.5])
def test_operator_set_10(mode: str, scale: float, tmp_path: Path) -> None:
    assert agrees(resized(tmp_path, IMAGE, {"scales": np.array([1, 1, scale, scale])}, 10, mode=mode))


def test_interpolation_is_one_affine_node_that_keeps_constants(tmp_path: Path) -> None:
    nodes = [node("Resize", "z _ s", "x", mode="linear")]
    graph = imported(model(nodes, {"s": np.array([1, 1, 2.0, 2.0])}, IMAGE, np.float32), tmp_path).graph
    assert len(graph.nodes) == 2 and isinstance(graph.nodes[1], Affine)
    np.testing.assert_array_equal(graph.nodes[1].weight.sum(axis=1), 1.0)


SYMMETRIC_FLOOR = {"coordinate_transformation_mode": "half_pixel_symmetric", "nearest_mode": "floor"}


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        # 3 * float32(5/3) is 5 in float32 and less than 5 exactly: runtimes differ.
        ({"scales": np.array([1, 1, 5 / 3, 1])}, {}, "integer in float32 only"),
        ({"scales": np.array([1, 1, 2.5, 2.0])}, SYMMETRIC_FLOOR, "a tie"),
        ({"scales": np.array([1, 1, 2.0, 2.0])}, {"antialias": 1, "mode": "linear"}, "antialias"),
        ({"scales": np.array([1, 1, 2.0, 2.0])}, {"coordinate_transformation_mode": "tf_crop_and_resize"}, "slice"),
        ({"scales": np.array([1, 1, 2.0, 2.0])}, {"coordinate_transformation_mode": "other"}, "unknown mode `other`"),
        ({"scales": np.array([1, 1, 2.0, 2.0])}, {"nearest_mode": "other"}, "unknown mode `other`"),
        ({"scales": np.array([1, 1, 2.0, 2.0])}, {"mode": "other"}, "unknown mode `other`"),
        ({"scales": np.array([2.0, 2.0])}, {}, "one positive scale per axis"),
        ({"scales": np.array([1, 1, -2.0, 2.0])}, {}, "one positive scale per axis"),
        ({"scales": np.array([1, 1, 0.25, 2.0])}, {}, "extent 0"),
        ({"sizes": np.array([4, 5])}, {"axes": [-2, -1], "keep_aspect_ratio_policy": "not_larger"}, "negative axes"),
        ({"sizes": np.array([4, 5])}, {"axes": [2, 2]}, "has axes"),
        ({"sizes": np.array([1, 1, 4, 5])}, {"keep_aspect_ratio_policy": "other"}, "keep_aspect_ratio_policy"),
    ],
)
def test_refused(given: dict[str, AnyArray], options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        resized(tmp_path, IMAGE, given, **options)


def test_corners_at_a_fractional_length_in_double_precision_need_sizes(tmp_path: Path) -> None:
    # 6 * 1.6 = 9.6: onnx.reference, the only engine with a double kernel, divides by 8.6 where the length is 9.
    def proto(inputs: str, given: AnyArray) -> Any:
        options = {"mode": "linear", "coordinate_transformation_mode": "align_corners"}
        nodes = [node("Resize", inputs, "y", **options), node("Flatten", "y", "x")]
        return model(nodes, {"given": given}, (1, 1, 1, 6))

    with pytest.raises(InputError, match="onnx.reference"):
        imported(proto("z _ given", np.array([1, 1, 1, 1.6], np.float32)), tmp_path)
    value = imported(proto("z _ _ given", np.array([1, 1, 1, 9])), tmp_path).value(np.arange(6.0))
    np.testing.assert_allclose(value, np.arange(9) * 5 / 8, atol=1e-6)


def test_same_padding_of_a_kernel_narrower_than_the_stride_is_refused(tmp_path: Path) -> None:
    # The operator's text asks for 4 * 3 entries, the kernel reaches 11, and engines return the one or the other.
    nodes = [node("ConvTranspose", "z w", "y", auto_pad="SAME_UPPER", strides=[3]), node("Flatten", "y", "x")]
    with pytest.raises(InputError, match="asks for 12 entries on an axis that has only 11"):
        imported(model(nodes, {"w": np.array([[[1.0, 10.0]]])}, (1, 1, 4), np.float32), tmp_path)
