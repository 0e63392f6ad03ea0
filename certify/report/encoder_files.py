"""The files of an encoder: the ONNX network and, beside it, a JSON file that says what is certified of it."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.atomic import check_writable, write_bytes_atomically, write_text_atomically
from certify.bounds.bracket import json_number
from certify.codec import Readable
from certify.construction.built import BuiltEncoder, EncoderChoice
from certify.encoders.convention import observation_digest
from certify.encoders.onnx_encoder import ExportOptions, onnx_encoder
from certify.encoders.single_precision import Agreement, agreement, single_precision
from certify.errors import InputError
from certify.report.json import json_text
from certify.version import __version__

HELD = ("K", "p", "log_constant", "eta_b", "h", "K0", "eta", "R", "start")
"""Numbers of a single observation's certificate that its file names."""

LARGEST_FILE = 2**31 - 1
"""A protocol buffer's limit."""


@dataclass(frozen=True)
class EncoderFile(Readable):
    """What was written: the network's path, its size in bytes and digest, and the path of the JSON beside it."""

    NAMES: ClassVar[Mapping[str, str]] = {"size": "bytes"}

    path: Path
    size: int
    sha256: str
    sidecar: Path
    agreement: Agreement | None = None
    """With the float64 file, where this one is in float32."""

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "path": str(self.path),
            "bytes": self.size,
            "sha256": self.sha256,
            "sidecar": str(self.sidecar),
            "precision": self.precision,
            "agreement": None if self.agreement is None else self.agreement.to_dict(),
        }

    @property
    def precision(self) -> str:
        """What the file computes in."""
        return "float64" if self.agreement is None else "float32"


def check_encoder_path(path: Path) -> None:
    """See before long work that both files can be written.

    Raises:
        InputError: unless the name ends in .onnx and the folder is writable.
    """
    if path.suffix != ".onnx":
        raise InputError(f"`--out` must name an .onnx file; got `{path}`")
    check_writable(path)
    check_writable(path.with_suffix(".json"))


def write_encoder(
    choice: EncoderChoice,
    path: Path,
    unrolled: bool = False,
    random_normal: bool = False,
    float32: bool = False,
) -> EncoderFile:
    """Write the chosen encoder and its JSON; the JSON comes last, so that it never speaks of a file that is not there.

    Raises:
        InputError: if the network is too large to write unrolled, the place cannot be written, or a file in float32 is
            to draw its own noise.
    """
    check_encoder_path(path)
    built = choice.chosen
    assert built.program is not None, "a chosen encoder that is written has a network"
    options = ExportOptions(unrolled, random_normal, _metadata(choice), choice.generator.noise)
    model = onnx_encoder(built.program, options)
    held = None
    if float32:
        rounded = single_precision(model)
        held = agreement(model, rounded, _observations(choice))
        model = rounded
    if model.ByteSize() > LARGEST_FILE:
        raise InputError("this encoder does not fit into one ONNX file (2 GB)")
    content = model.SerializeToString(deterministic=True)
    sidecar = path.with_suffix(".json")
    written = EncoderFile(path, len(content), hashlib.sha256(content).hexdigest(), sidecar, held)
    write_bytes_atomically(path, content)
    write_text_atomically(sidecar, json_text(sidecar_document(choice, written, unrolled, random_normal)))
    return written


def sidecar_document(
    choice: EncoderChoice, written: EncoderFile, unrolled: bool, random_normal: bool
) -> dict[str, Any]:
    """What the JSON beside the network says: file, certificate with every constant, sizes, generator."""
    built = choice.chosen
    ends = {name: {"lower": json_number(item.lower), "upper": json_number(item.upper)} for name, item in
            choice.brackets.items()}  # fmt: skip
    return {
        "schema": 1,
        "file": {
            "name": written.path.name,
            "bytes": written.size,
            "sha256": written.sha256,
            "precision": written.precision,
            "unrolled": unrolled,
            "noise": "internal" if random_normal else "input",
        },
        "generator": describe_generator(choice),
        "constants": ends,
        "beta": choice.noise_level,
        "epsilon": float(choice.epsilon),
        "observation": None if choice.single is None else choice.single.to_dict(),
        "encoder": built.to_dict(),
        "observations": "as measured" if choice.generator.noise is None else "as measured; the file divides them by s",
        "real_numbers": "the certificate is that of the network in real arithmetic; the file holds "
                        f"{written.precision} roundings",
        "agreement": None if written.agreement is None else written.agreement.to_dict(),
        "versions": {"proof-companion": __version__, **{name: importlib.metadata.version(name)
                                                        for name in ("numpy", "onnx", "python-flint")}},
    }  # fmt: skip


def describe_generator(choice: EncoderChoice) -> dict[str, Any]:
    """The generator's part of the JSON."""
    generator = choice.generator
    deviations = None if generator.noise is None else list(generator.noise)
    return {**generator.description(), "noise": deviations}


def _observations(choice: EncoderChoice) -> FloatArray:
    """What the files are held to each other at, as measured: the one observation, or draws of the model."""
    generator = choice.generator
    if choice.single is not None and choice.chosen.observed is not None:
        return generator.raw(choice.single.values[None])
    random = np.random.default_rng(0)
    images = generator.value(random.standard_normal((64, generator.latent_dim)))
    return generator.raw(images + float(choice.beta) * random.standard_normal(images.shape))


def _metadata(choice: EncoderChoice) -> dict[str, str]:
    """What the network itself says of its origin."""
    built = choice.chosen
    return {
        "certify.encoder": built.kind.name,
        "certify.theorem": built.theorem,
        "certify.verdict": str(built.verdict),
        "certify.likelihood": choice.generator.likelihood,
        **({} if choice.noise_level is None else {"certify.beta": repr(choice.noise_level)}),
        "certify.epsilon": repr(float(choice.epsilon)),
        "certify.tv_bound": repr(built.tv_bound),
        "certify.generator_sha256": choice.generator.sha256,
        **_chain_metadata(built),
        **_observation_metadata(choice),
    }


def _observation_metadata(choice: EncoderChoice) -> dict[str, str]:
    """What a file for one observation says of it; nothing for an encoder that takes every x."""
    found = choice.chosen.observed
    if found is None or found.certificate is None or choice.single is None:
        return {}
    return {
        "certify.observation": observation_digest(choice.single.values),
        **{f"certify.{name}": repr(found.certificate[name]) for name in HELD if name in found.certificate},
        **({"certify.proposal": json.dumps(found.certificate["proposal"])} if "proposal" in found.certificate else {}),
    }


def _chain_metadata(built: BuiltEncoder) -> dict[str, str]:
    """What is needed to run an encoder's chain again without its file; nothing for an encoder that is no chain."""
    assert built.program is not None
    if built.observed is not None or built.kind.declaration is None:
        return {}
    return {f"certify.{name}": text for name, text in built.kind.declaration(built.program, built.value).items()}
