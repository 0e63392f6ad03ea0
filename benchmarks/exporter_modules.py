"""Small networks around one module or function each, as a decoder may hold it: torch, Keras and jax.

Every entry of `torch_cases()` maps a latent vector of 4 entries, batch size first. Weights are the package's own
initial ones from a fixed seed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

LATENTS = 4


def torch_cases() -> dict[str, Callable[[], Any]]:
    """Builders of torch modules by name."""
    import torch
    import torch.nn.functional as F  # noqa: N812 - torch's own name
    from torch import nn
    from torch.nn.utils import parametrizations

    class Function(nn.Module):
        def __init__(self, apply: Callable[[Any], Any]) -> None:
            super().__init__()
            self.apply_to = apply

        def forward(self, z: torch.Tensor) -> torch.Tensor:
            result: torch.Tensor = self.apply_to(z)
            return result

    def dense(layer: Any) -> Any:
        return nn.Sequential(nn.Linear(4, 8), _module(layer), nn.LazyLinear(6))

    def ends(layer: Any) -> Any:
        return nn.Sequential(nn.Linear(4, 8), _module(layer))

    def signal(layer: Any) -> Any:
        return nn.Sequential(nn.Linear(4, 24), nn.Unflatten(1, (4, 6)), _module(layer), nn.Flatten())

    def image(layer: Any) -> Any:
        return nn.Sequential(nn.Linear(4, 64), nn.Unflatten(1, (4, 4, 4)), _module(layer), nn.Flatten())

    def volume(layer: Any) -> Any:
        return nn.Sequential(nn.Linear(4, 54), nn.Unflatten(1, (2, 3, 3, 3)), _module(layer), nn.Flatten())

    def _module(layer: Any) -> Any:
        return layer if isinstance(layer, nn.Module) else Function(layer)

    def used(layer: Any, *shape: int) -> Any:
        """A normalisation whose running statistics are not the initial ones."""
        layer.train()
        for _ in range(3):
            layer(2.0 * torch.randn(16, *shape) + 1.0)
        return layer.eval()

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.attention = nn.Linear(4, 12), nn.MultiheadAttention(4, 2, batch_first=True)

        def forward(self, z: torch.Tensor) -> torch.Tensor:
            tokens = self.first(z).reshape(-1, 3, 4)
            result: torch.Tensor = self.attention(tokens, tokens, tokens, need_weights=False)[0]
            return result

    class Recurrent(nn.Module):
        def __init__(self, kind: Any) -> None:
            super().__init__()
            self.cell = kind(4, 5, batch_first=True)

        def forward(self, z: torch.Tensor) -> torch.Tensor:
            result: torch.Tensor = self.cell(z[:, None, :].repeat(1, 2, 1))[0]
            return result

    class Hypernetwork(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bilinear = nn.Bilinear(4, 4, 6)

        def forward(self, z: torch.Tensor) -> torch.Tensor:
            result: torch.Tensor = self.bilinear(z, torch.tanh(z))
            return result

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(4, 8), nn.Linear(8, 4)

        def forward(self, z: torch.Tensor) -> torch.Tensor:
            result: torch.Tensor = z + self.second(F.silu(self.first(z)))
            return result

    class Film(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale, self.shift, self.body = nn.Linear(4, 8), nn.Linear(4, 8), nn.Linear(4, 8)

        def forward(self, z: torch.Tensor) -> torch.Tensor:
            result: torch.Tensor = torch.sigmoid(self.scale(z)) * torch.tanh(self.body(z)) + self.shift(z)
            return result

    fixed = torch.linspace(-1.0, 1.0, 24).reshape(6, 4)
    mask = torch.tensor([True, False, True, True, False, True, False, True])
    activations: dict[str, Callable[[], Any]] = {
        "ReLU": nn.ReLU,
        "ReLU6": nn.ReLU6,
        "LeakyReLU": lambda: nn.LeakyReLU(0.2),
        "PReLU": lambda: nn.PReLU(8),
        "RReLU": nn.RReLU,
        "ELU": lambda: nn.ELU(0.7),
        "SELU": nn.SELU,
        "CELU": lambda: nn.CELU(1.5),
        "GELU": nn.GELU,
        "GELU_tanh": lambda: nn.GELU("tanh"),
        "SiLU": nn.SiLU,
        "Mish": nn.Mish,
        "Sigmoid": nn.Sigmoid,
        "Tanh": nn.Tanh,
        "Softplus": nn.Softplus,
        "Softplus_beta_threshold": lambda: nn.Softplus(beta=2.0, threshold=5.0),
        "Softsign": nn.Softsign,
        "Softshrink": nn.Softshrink,
        "Hardshrink": nn.Hardshrink,
        "Hardtanh": lambda: nn.Hardtanh(-0.5, 0.8),
        "Hardsigmoid": nn.Hardsigmoid,
        "Hardswish": nn.Hardswish,
        "Tanhshrink": nn.Tanhshrink,
        "LogSigmoid": nn.LogSigmoid,
        "Threshold": lambda: nn.Threshold(0.1, 0.3),
        "Softmin": lambda: nn.Softmin(dim=1),
        "Softmax": lambda: nn.Softmax(dim=1),
        "LogSoftmax": lambda: nn.LogSoftmax(dim=1),
        "GLU": nn.GLU,
        "Identity": nn.Identity,
        "Dropout": lambda: nn.Dropout(0.5),
        "AlphaDropout": lambda: nn.AlphaDropout(0.5),
    }
    functions: dict[str, Callable[[Any], Any]] = {
        "sin": torch.sin,
        "cos": torch.cos,
        "exp": torch.exp,
        "expm1": torch.expm1,
        "abs": torch.abs,
        "square": torch.square,
        "cube": lambda x: x**3,
        "atan": torch.atan,
        "asinh": torch.asinh,
        "erf": torch.erf,
        "sinh": torch.sinh,
        "cosh": torch.cosh,
        "log1p_exp": lambda x: torch.log1p(torch.exp(x)),
        "sqrt": lambda x: torch.sqrt(1.0 + x * x),
        "rsqrt": lambda x: torch.rsqrt(1.0 + x * x),
        "reciprocal": lambda x: 1.0 / (1.0 + x * x),
        "log": lambda x: torch.log(1.0 + x * x),
        "logaddexp": lambda x: torch.logaddexp(x, torch.zeros_like(x)),
        "logsumexp": lambda x: torch.logsumexp(torch.stack([x, torch.zeros_like(x)]), dim=0),
        "clamp": lambda x: x.clamp(-0.4, 0.6),
        "clamp_min": lambda x: x.clamp(min=0.1),
        "maximum": lambda x: torch.maximum(x, torch.tensor(0.2)),
        "minimum_of_two": lambda x: torch.minimum(x, 2.0 * x),
        "where_sign": lambda x: torch.where(x > 0.0, x, 0.5 * x),
        "where_mask": lambda x: torch.where(mask, x, torch.tanh(x)),
        "masked_fill": lambda x: x.masked_fill(mask, 0.5),
        "sign_times": lambda x: torch.sign(x) * x,
        "normalize": lambda x: F.normalize(x, dim=1),
        "cumsum": lambda x: torch.cumsum(x, dim=1),
        "softplus_minus": lambda x: F.softplus(x) - F.softplus(-x),
        "floor_divide_free": lambda x: x - 0.25 * x.mean(dim=1, keepdim=True),
        "standardised": lambda x: (x - x.mean(1, keepdim=True)) / torch.sqrt(x.var(1, keepdim=True) + 0.1),
        "lerp": lambda x: torch.lerp(torch.tanh(x), x, 0.3),
        "addcmul": lambda x: torch.addcmul(x, torch.tanh(x), torch.sigmoid(x), value=0.5),
        "swiglu": lambda x: F.silu(x[:, :4]) * x[:, 4:],
        "flip": lambda x: torch.flip(x, dims=[1]) + torch.tanh(x),
        "roll": lambda x: torch.roll(x, 3, dims=1) + torch.tanh(x),
        "chunk": lambda x: torch.cat([torch.tanh(part) for part in x.chunk(2, dim=1)], dim=1),
        "split_uneven": lambda x: torch.cat([x.split([3, 5], dim=1)[1], x.split([3, 5], dim=1)[0]], dim=1),
        "slice_step": lambda x: torch.cat([x[:, ::2], x[:, 1::2]], dim=1),
        "slice_negative": lambda x: torch.cat([x[:, -3:], x[:, :-3]], dim=1),
        "index_select": lambda x: x.index_select(1, torch.tensor([7, 0, 3, 3, 5])),
        "gather_list": lambda x: x[:, [5, 1, 1, 6]],
        "narrow": lambda x: x.narrow(1, 2, 5),
        "stack": lambda x: torch.stack([x, torch.sigmoid(x)], dim=2).flatten(1),
        "repeat": lambda x: x.repeat(1, 2),
        "repeat_interleave": lambda x: x.repeat_interleave(2, dim=1),
        "expand": lambda x: x[:, :, None].expand(-1, -1, 2).reshape(x.shape[0], -1),
        "tile": lambda x: torch.tile(x, (1, 2)),
        "permute": lambda x: x.reshape(-1, 2, 4).permute(0, 2, 1).flatten(1),
        "einsum_constant": lambda x: torch.einsum("bi,oi->bo", x[:, :4], fixed),
        "matmul_constant": lambda x: x[:, :4] @ fixed.T,
        "outer_product": lambda x: (x[:, :4, None] * x[:, None, 4:]).flatten(1),
        "batched_matmul": lambda x: (x.reshape(-1, 2, 4) @ x.reshape(-1, 4, 2)).flatten(1),
        "mean_and_sum": lambda x: torch.cat([x - x.mean(1, keepdim=True), x.sum(1, keepdim=True)], dim=1),
        "euclidean_norm": lambda x: torch.cat([x, x.norm(dim=1, keepdim=True)], dim=1),
        "prod": lambda x: torch.cat([x, x[:, :3].prod(dim=1, keepdim=True)], dim=1),
        "amax": lambda x: torch.cat([x, x.amax(dim=1, keepdim=True)], dim=1),
        "pad_constant": lambda x: F.pad(x, (1, 2), value=0.5),
        "triu_matrix": lambda x: torch.triu(x.reshape(-1, 2, 4)).flatten(1),
        "polar": lambda x: torch.cat([x[:, :4] * torch.cos(x[:, 4:]), x[:, :4] * torch.sin(x[:, 4:])], dim=1),
    }
    images: dict[str, Callable[[], Any]] = {
        "BatchNorm2d": lambda: used(nn.BatchNorm2d(4), 4, 4, 4),
        "GroupNorm": lambda: nn.GroupNorm(2, 4),
        "InstanceNorm2d": lambda: nn.InstanceNorm2d(4, affine=True),
        "LayerNorm_image": lambda: nn.LayerNorm([4, 4, 4]),
        "LocalResponseNorm": lambda: nn.LocalResponseNorm(3),
        "Conv2d": lambda: nn.Conv2d(4, 3, 3, padding=1),
        "Conv2d_stride_dilation": lambda: nn.Conv2d(4, 6, 2, stride=2, dilation=2, padding=1),
        "Conv2d_groups": lambda: nn.Conv2d(4, 4, 3, groups=2, padding=1),
        "Conv2d_same": lambda: nn.Conv2d(4, 3, 4, padding="same"),
        "Conv2d_reflect": lambda: nn.Conv2d(4, 3, 3, padding=1, padding_mode="reflect"),
        "Conv2d_circular": lambda: nn.Conv2d(4, 3, 3, padding=1, padding_mode="circular"),
        "Conv2d_replicate": lambda: nn.Conv2d(4, 3, 3, padding=1, padding_mode="replicate"),
        "ConvTranspose2d": lambda: nn.ConvTranspose2d(4, 3, 3, stride=2, padding=1, output_padding=1),
        "ConvTranspose2d_groups": lambda: nn.ConvTranspose2d(4, 4, 3, groups=2, dilation=2),
        "AvgPool2d": lambda: nn.AvgPool2d(2, padding=1, count_include_pad=False),
        "AvgPool2d_ceil": lambda: nn.AvgPool2d(3, stride=2, ceil_mode=True),
        "MaxPool2d": lambda: nn.MaxPool2d(2),
        "LPPool2d": lambda: nn.LPPool2d(2, 2),
        "AdaptiveAvgPool2d": lambda: nn.AdaptiveAvgPool2d(2),
        "AdaptiveMaxPool2d": lambda: nn.AdaptiveMaxPool2d(2),
        "Upsample_nearest": lambda: nn.Upsample(scale_factor=2),
        "Upsample_nearest_odd": lambda: nn.Upsample(size=(5, 7)),
        "Upsample_nearest_exact": lambda: nn.Upsample(size=(5, 7), mode="nearest-exact"),
        "Upsample_bilinear": lambda: nn.Upsample(scale_factor=2, mode="bilinear"),
        "Upsample_bilinear_corners": lambda: nn.Upsample(size=(7, 5), mode="bilinear", align_corners=True),
        "Upsample_bilinear_fraction": lambda: nn.Upsample(scale_factor=1.6, mode="bilinear"),
        "Upsample_bicubic": lambda: nn.Upsample(scale_factor=2, mode="bicubic"),
        "interpolate_down": lambda: lambda x: F.interpolate(x, size=(3, 3), mode="bilinear"),
        "interpolate_antialias": lambda: lambda x: F.interpolate(x, size=(3, 3), mode="bilinear", antialias=True),
        "PixelShuffle": lambda: nn.PixelShuffle(2),
        "PixelUnshuffle": lambda: nn.PixelUnshuffle(2),
        "ChannelShuffle": lambda: nn.ChannelShuffle(2),
        "ZeroPad2d": lambda: nn.ZeroPad2d((1, 2, 0, 1)),
        "ZeroPad2d_crop": lambda: nn.ZeroPad2d((-1, 0, -1, 1)),
        "ReflectionPad2d": lambda: nn.ReflectionPad2d(1),
        "ReplicationPad2d": lambda: nn.ReplicationPad2d((1, 2, 1, 0)),
        "CircularPad2d": lambda: nn.CircularPad2d(1),
        "ConstantPad2d": lambda: nn.ConstantPad2d(1, 0.3),
        "Unfold": lambda: nn.Unfold(2),
        "Fold": lambda: nn.Sequential(nn.Flatten(2), nn.Flatten(1), nn.Unflatten(1, (16, 4)), nn.Fold((3, 3), 2)),
        "Softmax2d": nn.Softmax2d,
        "Dropout2d": lambda: nn.Dropout2d(0.5),
        "weight_norm": lambda: parametrizations.weight_norm(nn.Conv2d(4, 3, 3)),
        "spectral_norm": lambda: parametrizations.spectral_norm(nn.Conv2d(4, 3, 3)),
        "crop": lambda: lambda x: x[:, :, 1:-1, 1:],
        "spatial_mean": lambda: lambda x: x - x.mean(dim=(2, 3), keepdim=True),
    }
    signals: dict[str, Callable[[], Any]] = {
        "Conv1d": lambda: nn.Conv1d(4, 3, 3, stride=2, padding=1),
        "ConvTranspose1d": lambda: nn.ConvTranspose1d(4, 2, 4, stride=3, padding=1, output_padding=2),
        "AvgPool1d": lambda: nn.AvgPool1d(2),
        "MaxPool1d": lambda: nn.MaxPool1d(3, stride=1, padding=1),
        "InstanceNorm1d": lambda: nn.InstanceNorm1d(4),
        "BatchNorm1d_signal": lambda: used(nn.BatchNorm1d(4, affine=False), 4, 6),
        "Upsample_linear": lambda: nn.Upsample(size=9, mode="linear"),
        "ReflectionPad1d": lambda: nn.ReflectionPad1d((2, 1)),
        "ConstantPad1d": lambda: nn.ConstantPad1d((1, 0), -1.0),
    }
    volumes: dict[str, Callable[[], Any]] = {
        "Conv3d": lambda: nn.Conv3d(2, 2, 2),
        "ConvTranspose3d": lambda: nn.ConvTranspose3d(2, 1, 2, stride=2),
        "Upsample_trilinear": lambda: nn.Upsample(scale_factor=2, mode="trilinear"),
        "AvgPool3d": lambda: nn.AvgPool3d(2, stride=1),
    }
    dense_layers: dict[str, Callable[[], Any]] = {
        "BatchNorm1d": lambda: used(nn.BatchNorm1d(8), 8),
        "BatchNorm1d_eps": lambda: used(nn.BatchNorm1d(8, eps=1e-3, momentum=0.01), 8),
        "LayerNorm": lambda: nn.LayerNorm(8),
        "LayerNorm_plain": lambda: nn.LayerNorm(8, elementwise_affine=False),
        "RMSNorm": lambda: nn.RMSNorm(8),
        "Linear_no_bias": lambda: nn.Linear(8, 8, bias=False),
        "weight_norm_dense": lambda: parametrizations.weight_norm(nn.Linear(8, 8)),
        "orthogonal": lambda: parametrizations.orthogonal(nn.Linear(8, 8)),
    }
    whole: dict[str, Callable[[], Any]] = {
        "MultiheadAttention": Attention,
        "GRU": lambda: Recurrent(nn.GRU),
        "LSTM": lambda: Recurrent(nn.LSTM),
        "RNN": lambda: Recurrent(nn.RNN),
        "Bilinear": Hypernetwork,
        "Residual": Residual,
        "FiLM": Film,
        "TransformerEncoderLayer": lambda: nn.Sequential(
            nn.Linear(4, 12), nn.Unflatten(1, (3, 4)), nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
        ),
    }
    ended = {"Softmin", "Softmax", "LogSoftmax"}
    cases: dict[str, Callable[[], Any]] = {}
    for name, build in activations.items():
        cases[name] = (lambda wrap, b: lambda: wrap(b()))(ends if name in ended else dense, build)
    for name, apply in functions.items():
        cases[name] = (lambda f: lambda: ends(f))(apply)
    for wrap, table in ((dense, dense_layers), (image, images), (signal, signals), (volume, volumes)):
        for name, build in table.items():
            cases[name] = (lambda w, b: lambda: w(b()))(wrap, build)
    return cases | whole


def keras_cases() -> dict[str, Callable[[], Any]]:
    """Builders of Keras models by name."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras
    from keras import layers

    def model(*parts: Any) -> Callable[[], Any]:
        return lambda: keras.Sequential([keras.Input((LATENTS,)), *(part() for part in parts)])

    def image(*parts: Any) -> Callable[[], Any]:
        return model(lambda: layers.Dense(32), lambda: layers.Reshape((4, 4, 2)), *parts)

    def branches() -> Any:
        z = keras.Input((LATENTS,))
        hidden = layers.Dense(6, activation="swish")(z)
        gate = layers.Dense(6, activation="sigmoid")(z)
        joined = layers.Concatenate()([layers.Multiply()([hidden, gate]), layers.Add()([hidden, gate])])
        return keras.Model(z, joined)

    dense = [
        "relu", "elu", "selu", "gelu", "softplus", "softsign", "tanh", "sigmoid", "hard_sigmoid", "exponential",
        "silu", "mish", "relu6", "leaky_relu", "celu", "log_sigmoid", "hard_silu", "softmax", "squareplus",
    ]  # fmt: skip
    cases = {
        f"Dense_{kind}": model(lambda kind=kind: layers.Dense(8, activation=kind), lambda: layers.Dense(5))
        for kind in dense
    }
    return cases | {
        "Conv2DTranspose_same": image(lambda: layers.Conv2DTranspose(3, 3, strides=2, padding="same")),
        "Conv2DTranspose_valid": image(lambda: layers.Conv2DTranspose(3, 2, strides=3, padding="valid")),
        "Conv2DTranspose_even": image(lambda: layers.Conv2DTranspose(2, 4, strides=2, padding="same")),
        "Conv2D_same": image(lambda: layers.Conv2D(3, 3, strides=2, padding="same")),
        "DepthwiseConv2D": image(lambda: layers.DepthwiseConv2D(3, padding="same")),
        "SeparableConv2D": image(lambda: layers.SeparableConv2D(4, 3)),
        "UpSampling2D": image(lambda: layers.UpSampling2D(2)),
        "UpSampling2D_bilinear": image(lambda: layers.UpSampling2D(2, interpolation="bilinear")),
        "Resizing": image(lambda: layers.Resizing(5, 7)),
        "Cropping2D": image(lambda: layers.Cropping2D(1), lambda: layers.Flatten()),
        "ZeroPadding2D": image(lambda: layers.ZeroPadding2D((1, 2))),
        "AveragePooling2D": image(lambda: layers.AveragePooling2D(2, strides=1, padding="same")),
        "MaxPooling2D": image(lambda: layers.MaxPooling2D(2)),
        "BatchNormalization": image(lambda: layers.BatchNormalization()),
        "LayerNormalization": model(lambda: layers.Dense(8), lambda: layers.LayerNormalization()),
        "GroupNormalization": image(lambda: layers.GroupNormalization(2)),
        "RMSNormalization": model(lambda: layers.Dense(8), lambda: layers.RMSNormalization()),
        "UnitNormalization": model(lambda: layers.Dense(8), lambda: layers.UnitNormalization()),
        "PReLU": model(lambda: layers.Dense(8), lambda: layers.PReLU(alpha_initializer="ones")),
        "RepeatVector_Permute": model(
            lambda: layers.RepeatVector(3), lambda: layers.Permute((2, 1)), lambda: layers.Flatten()
        ),
        "branches": branches,
    }


def jax_cases() -> dict[str, Callable[[], Any]]:
    """Builders of jax functions and flax modules by name."""
    import jax
    import jax.numpy as jnp
    from flax import nnx

    def linear(seed: int, rows: int, columns: int) -> Any:
        return jax.random.normal(jax.random.key(seed), (rows, columns)) / rows**0.5

    # Drawn out here: inside of a function that is exported a draw becomes a node that draws at every run.
    first, second, square = linear(0, LATENTS, 32), linear(1, 32, 6), linear(2, 32, 32)

    def dense(apply: Callable[[Any], Any]) -> Callable[[], Any]:
        return lambda: lambda z: apply(z @ first) @ second

    def image(build: Callable[[], Callable[[Any], Any]]) -> Callable[[], Any]:
        def made() -> Any:
            layer = build()
            return lambda z: layer((z @ first).reshape(-1, 4, 4, 2))

        return made

    def rngs() -> Any:
        return nnx.Rngs(0)

    activations = (
        "relu", "relu6", "elu", "selu", "celu", "gelu", "silu", "swish", "softplus", "soft_sign", "sigmoid", "tanh",
        "leaky_relu", "mish", "log_sigmoid", "hard_sigmoid", "hard_silu", "hard_tanh", "squareplus", "softmax",
        "log_softmax", "standardize",
    )  # fmt: skip
    cases: dict[str, Callable[[], Any]] = {name: dense(getattr(jax.nn, name)) for name in activations}

    def evaluated_batch_norm() -> Any:
        layer = nnx.BatchNorm(2, rngs=rngs())
        layer(2.0 * jax.random.normal(jax.random.key(3), (32, 4, 4, 2)) + 1.0)
        layer.eval()
        return layer

    return cases | {
        "gelu_exact": dense(lambda x: jax.nn.gelu(x, approximate=False)),
        "sin": dense(jnp.sin),
        "exp": dense(jnp.exp),
        "where": dense(lambda x: jnp.where(x > 0, x, 0.1 * x)),
        "clip": dense(lambda x: jnp.clip(x, -0.5, 0.5)),
        "LayerNorm": dense(nnx.LayerNorm(32, rngs=rngs())),
        "RMSNorm": dense(nnx.RMSNorm(32, rngs=rngs())),
        "einsum": dense(lambda x: jnp.einsum("bi,ij->bj", x, square)),
        "Conv": image(lambda: nnx.Conv(2, 3, (3, 3), rngs=rngs())),
        "ConvTranspose": image(lambda: nnx.ConvTranspose(2, 3, (3, 3), strides=(2, 2), rngs=rngs())),
        "ConvTranspose_valid": image(
            lambda: nnx.ConvTranspose(2, 3, (4, 4), strides=(2, 2), padding="VALID", rngs=rngs())
        ),
        "GroupNorm": image(lambda: nnx.GroupNorm(2, num_groups=2, rngs=rngs())),
        "BatchNorm": image(evaluated_batch_norm),
        "resize_nearest": image(lambda: lambda x: jax.image.resize(x, (x.shape[0], 8, 8, 2), "nearest")),
        "resize_bilinear": image(lambda: lambda x: jax.image.resize(x, (x.shape[0], 8, 8, 2), "bilinear")),
        "avg_pool": image(lambda: lambda x: nnx.avg_pool(x, window_shape=(2, 2), strides=(2, 2))),
        "max_pool": image(lambda: lambda x: nnx.max_pool(x, window_shape=(2, 2), strides=(2, 2))),
        "pad": image(lambda: lambda x: jnp.pad(x, ((0, 0), (1, 1), (0, 1), (0, 0)))),
        "flip_and_roll": image(lambda: lambda x: jnp.roll(x[:, ::-1], 1, axis=2)),
        "residual": lambda: lambda z: jnp.concatenate([z, jnp.tanh(z @ first)], axis=1),
    }
