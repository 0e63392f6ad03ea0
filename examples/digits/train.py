"""Train variational autoencoders on the 8x8 digits that ship with scikit-learn and write their decoders as ONNX.

    python examples/digits/train.py --out examples/digits

Data: whitened principal components, so n = d and every coordinate of x has unit variance; the learned noise beta is
in units of one standard deviation of a coordinate. Model: z ~ N(0, I_d), x | z ~ N(G(z), beta^2 I_d), beta learned
with the evidence lower bound; the encoder is N(mu(x), diag(s(x)^2)).

Decoders:
    residual  G(z) = A h_2(h_1(z)) + b, h_i(z) = z + W_2 tanh(W_1 z + c) with ||W_1|| <= 1 and ||W_2|| <= l < 1, and
              A an orthogonal matrix times factors in [e^-s, e^s]: invertible by construction, with
              m >= min(factor) (1-l)^2 and M <= max(factor) (1+l)^2.
    mlp       d-64-64-d with tanh: nothing makes it invertible.

Every run with one seed and one version of the packages gives the same files. Needs the extra `train`.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import sklearn
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from torch import Tensor, nn

HELD_OUT = 297
OBSERVATIONS = 200
BLOCK_LIPSCHITZ = 0.15
BLOCKS = 2
LOG_FACTOR = 0.1
MARGIN = 1.0 - 1e-6
"""Keeps the norm bounds true after the weights are rounded to float32."""


@dataclass(frozen=True)
class Options:
    """What a training run depends on."""

    seed: int = 0
    steps: int = 4000
    learning_rate: float = 2e-3
    decoder_width: int = 24
    encoder_width: int = 64


class ResidualBlock(nn.Module):
    """z + W_2 tanh(W_1 z + c) with ||W_1|| <= 1 and ||W_2|| <= BLOCK_LIPSCHITZ."""

    def __init__(self, dim: int, width: int) -> None:
        super().__init__()
        self.inner = nn.Linear(dim, width)
        self.outer = nn.Linear(width, dim, bias=False)

    def weights(self) -> tuple[Tensor, Tensor]:
        """W_1 and W_2, divided by their norms where these exceed the bounds."""
        return limited(self.inner.weight, 1.0), limited(self.outer.weight, BLOCK_LIPSCHITZ)

    def forward(self, z: Tensor) -> Tensor:
        first, second = self.weights()
        return z + torch.tanh(z @ first.T + self.inner.bias) @ second.T


class ResidualDecoder(nn.Module):
    """A h_2(h_1(z)) + b with A = Q diag(e^t), |t_i| <= LOG_FACTOR, Q orthogonal."""

    def __init__(self, dim: int, width: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(ResidualBlock(dim, width) for _ in range(BLOCKS)))
        self.rotation = nn.Parameter(torch.zeros(dim, dim))
        self.log_factors = nn.Parameter(torch.zeros(dim))
        self.offset = nn.Parameter(torch.zeros(dim))

    def matrix(self) -> Tensor:
        """A; the rotation is the exponential of a skew-symmetric matrix."""
        rotation = torch.linalg.matrix_exp(self.rotation - self.rotation.T)
        return rotation * torch.exp(LOG_FACTOR * torch.tanh(self.log_factors))

    def forward(self, z: Tensor) -> Tensor:
        return self.blocks(z) @ self.matrix().T + self.offset


class PlainResidual(nn.Module):
    """z + W_2 tanh(W_1 z + c) with ordinary layers, as it is exported."""

    def __init__(self, block: ResidualBlock) -> None:
        super().__init__()
        first, second = block.weights()
        self.inner = linear(first, block.inner.bias)
        self.outer = linear(second, None)

    def forward(self, z: Tensor) -> Tensor:
        return z + self.outer(torch.tanh(self.inner(z)))


class Encoder(nn.Module):
    """Gaussian amortised encoder: z = mu(x) + s(x) * noise."""

    def __init__(self, dim: int, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(dim, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 2 * dim)
        )

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """mu(x) and log s(x)."""
        mean, log_scale = self.body(x).chunk(2, dim=1)
        return mean, log_scale

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        mean, log_scale = self.moments(x)
        return mean + torch.exp(log_scale) * noise


def limited(weight: Tensor, bound: float) -> Tensor:
    """The matrix scaled down so that its spectral norm is at most `bound`."""
    return weight * (MARGIN * bound / torch.clamp(torch.linalg.matrix_norm(weight, 2), min=bound))


def linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    """An ordinary layer with the given weights."""
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    with torch.no_grad():
        layer.weight.copy_(weight)
        if bias is not None:
            layer.bias.copy_(bias)
    return layer


def plain(decoder: nn.Module) -> nn.Module:
    """The decoder as ordinary layers, ready for export."""
    if not isinstance(decoder, ResidualDecoder):
        return decoder
    blocks = [PlainResidual(block) for block in decoder.blocks if isinstance(block, ResidualBlock)]
    return nn.Sequential(*blocks, linear(decoder.matrix(), decoder.offset))


def mlp(dim: int, width: int) -> nn.Module:
    """The plain decoder d-64-64-d."""
    return nn.Sequential(nn.Linear(dim, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, dim))


def whitened_digits(dim: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Training and held-out digits in `dim` whitened principal components, and the explained share of variance."""
    images = load_digits().data.astype(np.float64)
    order = np.random.default_rng(seed).permutation(len(images))
    train, held_out = images[order[HELD_OUT:]], images[order[:HELD_OUT]]
    components = PCA(dim, whiten=True, svd_solver="full").fit(train)
    explained = float(components.explained_variance_ratio_.sum())
    return components.transform(train), components.transform(held_out), explained


def point_of_curve(step: int, loss: Tensor, held_out: Tensor, error: Tensor, log_beta: Tensor) -> dict[str, float]:
    """What is kept of one step of the training."""
    return {
        "step": step,
        "train_elbo": round(-loss.item(), 4),
        "held_out_elbo": round(-held_out.item(), 4),
        "held_out_squared_error": round(error.item(), 5),
        "beta": round(math.exp(log_beta.item()), 5),
    }


def negative_elbo(decoder: nn.Module, encoder: Encoder, log_beta: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """The negative evidence lower bound per digit in nats, and the mean squared error per coordinate."""
    mean, log_scale = encoder.moments(x)
    z = mean + torch.exp(log_scale) * torch.randn_like(mean)
    error = ((decoder(z) - x) ** 2).sum(1)
    dim = x.shape[1]
    misfit = error / (2 * torch.exp(2 * log_beta)) + dim * (log_beta + 0.5 * math.log(2 * math.pi))
    divergence = 0.5 * (mean**2 + torch.exp(2 * log_scale) - 1 - 2 * log_scale).sum(1)
    return (misfit + divergence).mean(), error.mean() / dim


def train(
    build: Callable[[int, int], nn.Module], train_x: Tensor, test_x: Tensor, options: Options
) -> tuple[nn.Module, Encoder, dict[str, object]]:
    """Fit decoder, encoder and beta by Adam on the whole training set; returns them and the log of the run."""
    torch.manual_seed(options.seed)
    dim = train_x.shape[1]
    decoder, encoder = build(dim, options.decoder_width), Encoder(dim, options.encoder_width)
    log_beta = nn.Parameter(torch.tensor(-1.0))
    parameters = [*decoder.parameters(), *encoder.parameters(), log_beta]
    optimiser = torch.optim.Adam(parameters, lr=options.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, options.steps)
    curve = []
    for step in range(options.steps):
        optimiser.zero_grad()
        loss, _ = negative_elbo(decoder, encoder, log_beta, train_x)
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % (options.steps // 20) == 0 or step == options.steps - 1:
            with torch.no_grad():
                held_out, error = negative_elbo(decoder, encoder, log_beta, test_x)
            curve.append(point_of_curve(step, loss, held_out, error, log_beta))
    return decoder, encoder, {"trained_beta": math.exp(log_beta.item()), "curve": curve}


def without_thresholds(graph: onnx.GraphProto) -> None:
    """Softplus itself in place of Where(Greater(x, 20), x, Softplus(x)), which the exporter writes and which jumps.

    The two functions differ by at most 2.1e-9; the smooth one is what these decoders are meant to be.
    """
    makers = {name: node for node in graph.node for name in node.output}
    dropped = []
    for node in graph.node:
        kinds = [makers[name].op_type if name in makers else "" for name in node.input]
        if node.op_type == "Where" and kinds[0] == "Greater" and kinds[2] == "Softplus":
            softplus, greater = makers[node.input[2]], makers[node.input[0]]
            softplus.output[0] = node.output[0]
            dropped += [node, greater]
    for node in dropped:
        graph.node.remove(node)
    used = {name for node in graph.node for name in node.input}
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in used]:
        graph.initializer.remove(tensor)


def write_onnx(
    module: nn.Module, names: list[str], output: str, dim: int | tuple[int, ...], path: Path, metadata: dict[str, str]
) -> None:
    """Export in float32 with a dynamic batch; names of files and lines of this program are removed.

    `dim` is the width of every input, or the tuple of their widths.
    """
    batch = torch.export.Dim("batch", min=1, max=65536)
    widths = (dim,) * len(names) if isinstance(dim, int) else dim
    torch.onnx.export(
        module.eval(),
        tuple(torch.zeros(2, width) for width in widths),
        str(path),
        input_names=names,
        output_names=[output],
        dynamic_shapes=tuple({0: batch} for _ in names),
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    model = onnx.load(path)
    without_thresholds(model.graph)
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for part in (*model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer):
        del part.metadata_props[:]
    del model.graph.value_info[:], model.graph.metadata_props[:], model.metadata_props[:]
    model.graph.name, model.graph.doc_string = path.stem, ""
    onnx.helper.set_model_props(model, {f"certify.{key}": value for key, value in metadata.items()})
    path.write_bytes(model.SerializeToString(deterministic=True))


def read_arguments(description: str | None, seed: int, steps: int) -> argparse.Namespace:
    """`out`, `seed` and `steps` of a run that comes out the same every time."""
    parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--seed", type=int, default=seed)
    parser.add_argument("--steps", type=int, default=steps)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    return parser.parse_args()


def main() -> None:
    """Train every decoder and write the ONNX files, the observations and the log."""
    arguments = read_arguments(__doc__, Options.seed, Options.steps)
    options = Options(seed=arguments.seed, steps=arguments.steps)
    log: dict[str, object] = {
        "seed": options.seed,
        "steps": options.steps,
        "learning_rate": options.learning_rate,
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "onnx": onnx.__version__,
            "scikit-learn": sklearn.__version__,
            "torch": torch.__version__,
        },
    }
    for dim in (8, 16):
        train_data, held_out, explained = whitened_digits(dim, options.seed)
        np.save(arguments.out / f"observations_d{dim}.npy", held_out[:OBSERVATIONS])
        train_x, test_x = (torch.tensor(part, dtype=torch.float32) for part in (train_data, held_out))
        for family, build in (("residual", ResidualDecoder), ("mlp", mlp)):
            decoder, encoder, record = train(build, train_x, test_x, options)
            metadata = {
                "trained_beta": f"{record['trained_beta']:.6g}",
                "data": f"digits of scikit-learn, {dim} whitened principal components",
                "seed": str(options.seed),
            }
            name = f"{family}_d{dim}"
            write_onnx(plain(decoder), ["z"], "x", dim, arguments.out / f"{name}.onnx", metadata)
            write_onnx(encoder, ["x", "noise"], "z", dim, arguments.out / f"encoder_{name}.onnx", metadata)
            log[name] = {**record, "explained_variance": explained}
    (arguments.out / "training_log.json").write_text(json.dumps(log, indent=1) + "\n")


if __name__ == "__main__":
    main()
