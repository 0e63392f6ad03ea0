"""`certify.sample`: exact independent draws of one posterior."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from certify.api.arguments import GeneratorLike, loaded, noise_or_own, observations_of
from certify.api.shown import Shown
from certify.arithmetic.arrays import FloatArray
from certify.codec import Readable, decode
from certify.errors import InputError
from certify.generators.graph import GAUSSIAN
from certify.report.table import Table, columns, label_cell, lower_cell, number_cell, text_cell
from certify.validation import Number, integer, random_seed


@dataclass(frozen=True, eq=False, repr=False)
class Sample(Shown, Readable):
    """Independent exact draws `points` (count, d) of a posterior, and what one of them cost.

    `acceptance` is certified: a proposal is accepted with at least this probability, so a draw takes at most its
    inverse in evaluations of G on average. `envelope` names the method behind it. numpy takes a sample for an array.
    """

    points: FloatArray
    acceptance: float
    envelope: str
    generator: str
    beta: float | None

    @property
    def evaluations_per_draw(self) -> float:
        """Upper bound of the expected evaluations of G for one draw."""
        return 1.0 / self.acceptance

    @property
    def _noise(self) -> str:
        return "Bernoulli logits (outside A0)" if self.beta is None else f"beta = {self.beta:g}"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> FloatArray:
        """The points, so that numpy takes a sample for an array."""
        return np.array(self.points, dtype=dtype) if copy or dtype is not None else self.points

    def __len__(self) -> int:
        return len(self.points)

    def to_dict(self) -> dict[str, Any]:
        """The draws as lists, with what they cost."""
        return {
            "schema": 1,
            "generator": self.generator,
            "beta": self.beta,
            "acceptance": self.acceptance,
            "envelope": self.envelope,
            "points": self.points.tolist(),
        }

    @classmethod
    def _read(cls, document: Mapping[str, Any]) -> Self:
        rows = decode(tuple[tuple[float, ...], ...], document["points"], "the points")
        envelope, generator = (decode(str, document[key], key) for key in ("envelope", "generator"))
        acceptance = decode(float, document["acceptance"], "the acceptance")
        beta = None if document["beta"] is None else decode(float, document["beta"], "beta")
        return cls(np.array(rows, dtype=np.float64), acceptance, envelope, generator, beta)

    def _summary(self) -> str:
        count, d = self.points.shape
        return (
            f"<{count} exact draws in R^{d} of a posterior of {self.generator}, {self._noise}; acceptance "
            f"certified >= {lower_cell(self.acceptance, 4).text} ({self.envelope}); np.asarray takes the points>"
        )

    def _tables(self) -> tuple[Table, ...]:
        means, deviations = self.points.mean(axis=0), self.points.std(axis=0)
        rows = tuple(
            (label_cell(f"z{axis}"), number_cell(float(mean), digits=4), number_cell(float(deviation), digits=4))
            for axis, (mean, deviation) in enumerate(zip(means, deviations, strict=True))
        )
        title = f"{len(self.points)} exact draws of a posterior of {self.generator}, {self._noise}"
        note = f"acceptance at least {lower_cell(self.acceptance, 4).text} by {text_cell(self.envelope).text}"
        headings = ("latent", "mean", "deviation")
        return (Table("sample", title, columns(headings, headings[1:]), rows, (note,)),)

    def _rows(self) -> list[dict[str, Any]]:
        return [{f"z{axis}": float(entry) for axis, entry in enumerate(point)} for point in self.points]


def sample(
    generator: GeneratorLike,
    observation: FloatArray | Sequence[float],
    count: int,
    *,
    beta: Number | None = None,
    seed: int = 0,
) -> Sample:
    """`count` independent draws of the posterior of z given x = `observation`, exact up to rounding.

    By rejection under an envelope that is certified at this observation (Theorem R, docs/rejection.md). The same bits
    for any number of threads.

    Args:
        generator: the map G, or its SPEC.
        observation: x, shape (n,).
        count: how many draws, >= 1.
        beta: noise level > 0; None: the decoder's own, or none for logits.
        seed: of every random stream, in [0, 2^63).

    Raises:
        InputError: for a count below 1, beta <= 0, another width, or where no envelope is certified.

    >>> found = sample("linear:d=2,kappa=1.5,seed=0", [0.3, -0.2], 100, beta="0.3")
    >>> found.points.shape
    (100, 2)
    """
    from certify.envelopes.likelihood import likelihood_of
    from certify.envelopes.sample import posterior_sample

    number = integer("count", count, least=1)
    map_ = loaded(generator)
    rows = observations_of(observation, [map_])
    if rows is None or len(rows) != 1:
        raise InputError(f"`observation` must be one x of shape (n,); got shape {np.shape(observation)}")
    noise = float(noise_or_own(beta, map_))
    found = posterior_sample(map_, likelihood_of(map_, rows[0], noise), number, random_seed(seed))
    level = noise if map_.likelihood == GAUSSIAN else None
    return Sample(found.points, found.acceptance, found.envelope, map_.name, level)
