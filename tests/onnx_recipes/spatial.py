"""Convolutions, pooling and resampling of images."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.onnx_recipes.draw import AnyArray, Draw, Piece, Shape, Unsuitable, recipe


@recipe("DepthToSpace")
def depth_to_space(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    block = draw.randint(1, 2)
    data = draw.floats((draw.randint(1, 2), block**2 * draw.randint(1, 2), draw.randint(1, 3), draw.randint(1, 3)))
    if given is not None:
        data = draw.data(given, 4)
        block = 2 if given[1] % 4 == 0 else 1
    modes: list[dict[str, Any]] = [{}, {"mode": "DCR"}, {"mode": "CRD"}]
    return Piece(kind, [data], {"blocksize": block} | (draw.choice(modes) if opset >= 11 else {}))


def window(draw: Draw, kernel: Shape, opset: int, dilated: bool = True) -> dict[str, Any]:
    """How a kernel moves: strides, dilations, and pads or their automatic choice."""
    rank = len(kernel)
    chosen: dict[str, Any] = {}
    if draw.maybe():
        chosen["strides"] = [draw.randint(1, 3) for _ in kernel]
    if dilated and draw.maybe(0.3):
        chosen["dilations"] = [draw.randint(1, 2) for _ in kernel]
    mode = draw.one(None, None, None, "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")
    if mode is not None:
        chosen["auto_pad"] = mode
    if mode in (None, "NOTSET") and draw.maybe():
        chosen["pads"] = [draw.randint(0, max(0, kernel[axis % rank] - 1)) for axis in range(2 * rank)]
    return chosen


def image(draw: Draw, given: Shape | None, group: int = 1) -> AnyArray:
    if given is not None:
        data = draw.data(given, 3, 5)
        if given[1] % group:
            raise Unsuitable
        return data
    extents = tuple(draw.randint(1, 5) for _ in range(draw.one(1, 2, 2, 3)))
    return draw.floats((draw.one(1, 1, 1, 2), group * draw.randint(1, 2), *extents))


@recipe("Conv")
def conv(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    group = draw.one(1, 1, 2)
    data = image(draw, given, group)
    kernel = tuple(draw.randint(1, 3) for _ in data.shape[2:])
    weight = draw.floats((group * draw.randint(1, 2), data.shape[1] // group, *kernel))
    chosen = window(draw, kernel, opset) | ({"group": group} if group > 1 or draw.maybe(0.2) else {})
    if draw.maybe(0.3):
        chosen["kernel_shape"] = [*kernel[:-1], kernel[-1] + draw.maybe(0.1)]
    return Piece(kind, [data, weight] + ([draw.floats(weight.shape[:1])] if draw.maybe() else []), chosen)


@recipe("ConvTranspose")
def conv_transpose(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    group = draw.one(1, 1, 2)
    data = image(draw, given, group)
    kernel = tuple(draw.randint(1, 3) for _ in data.shape[2:])
    weight = draw.floats((data.shape[1], draw.randint(1, 2), *kernel))
    chosen = window(draw, kernel, opset) | ({"group": group} if group > 1 or draw.maybe(0.2) else {})
    if draw.maybe(0.3):
        chosen["kernel_shape"] = list(kernel)
    strides = chosen.get("strides", [1] * len(kernel))
    if draw.maybe(0.3):
        chosen["output_padding"] = [draw.randint(0, stride - 1) for stride in strides]
    if draw.maybe(0.25):
        chosen.pop("pads", None)
        chosen["output_shape"] = [
            extent * stride + draw.randint(-1, 1) for extent, stride in zip(data.shape[2:], strides, strict=True)
        ]
    bias = [draw.floats((weight.shape[1] * group,))] if draw.maybe() else []
    return Piece(kind, [data, weight, *bias], chosen)


@recipe("AveragePool")
def average_pool(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    data = image(draw, given)
    kernel = tuple(draw.randint(1, 3) for _ in data.shape[2:])
    chosen = window(draw, kernel, opset, dilated=opset >= 19) | {"kernel_shape": list(kernel)}
    if draw.maybe(0.4):
        chosen["count_include_pad"] = draw.randint(0, 1)
    if opset >= 10 and draw.maybe(0.2):
        chosen["ceil_mode"] = draw.randint(0, 1)
    return Piece(kind, [data], chosen)


@recipe("GlobalAveragePool")
def global_average_pool(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    return Piece(kind, [image(draw, given)])


@recipe("Resize", "Upsample")
def resize(kind: str, draw: Draw, opset: int, given: Shape | None) -> Piece:
    data = image(draw, given)
    factors = [1.0, 1.0, *(draw.one(1.0, 2.0, 3.0) for _ in data.shape[2:])]
    if kind == "Upsample" and opset < 9:
        return Piece(kind, [data], {"scales": factors} | ({"mode": "nearest"} if draw.maybe() else {}))
    scales = np.array(factors, np.float32)
    if kind == "Upsample" or opset < 11:
        return Piece(kind, [data, scales], {"mode": "nearest"} if draw.maybe() else {})
    chosen: dict[str, Any] = {"mode": draw.one("nearest", "nearest", "linear")} if draw.maybe(0.7) else {}
    if draw.maybe(0.6):
        options = ("half_pixel", "asymmetric", "pytorch_half_pixel", "align_corners")
        chosen["coordinate_transformation_mode"] = draw.choice(options)
    if draw.maybe():
        chosen["nearest_mode"] = draw.one("floor", "ceil", "round_prefer_floor", "round_prefer_ceil")
    # The region of interest has an effect only where the transformation crops; until 13 it must be there.
    region = draw.one(None, np.zeros(0)) if opset >= 13 else np.zeros(0)
    if draw.maybe(0.4):
        sizes = np.array([int(extent * factor) for extent, factor in zip(data.shape, factors, strict=True)])
        return Piece(kind, [data, region, None if opset >= 13 else np.zeros(0, np.float32), sizes], chosen)
    return Piece(kind, [data, region, scales], chosen)
