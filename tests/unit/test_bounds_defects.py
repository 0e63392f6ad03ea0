"""Defects a referee found, kept as tests: each was once a false certificate or a crash."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp
from flint import arb
from hypothesis import given
from hypothesis import strategies as st

from certify.arithmetic.balls import ball, lower, upper
from certify.arithmetic.intervals import exact_matrix, multiply
from certify.bounds.bracket import Region
from certify.bounds.constants import constants
from certify.bounds.ranges import affine_image
from certify.checking.check import check_constants, check_theorem
from certify.discovery.registry import load_theorem
from certify.errors import InputError
from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Node, Sum
from certify.generators.specification import load_generator
from certify.proof import optimiser
from certify.verdict import Verdict

THEOREM = load_theorem("strong-invertibility")


def scalar(weight: float, source: int = 0, bias: float = 0.0) -> Affine:
    return Affine(source, np.array([[weight]]), np.array([bias]))


@given(st.floats(-1e6, 1e6), st.floats(-1e3, 1e3), st.floats(-1e6, 1e6), st.booleans(), st.floats(0, 1e9))
def test_half_infinite_intervals_keep_their_finite_end(
    end: float, weight: float, bias: float, right: bool, step: float
) -> None:
    source = (np.array([[end]]), np.array([[np.inf]])) if right else (np.array([[-np.inf]]), np.array([[end]]))
    low, high = affine_image(scalar(weight, bias=bias), source)
    inside = end + step if right else end - step
    exact = ball(weight) * ball(inside) + ball(bias)
    assert lower(exact) >= low[0, 0] or arb(low[0, 0]) <= exact
    assert upper(exact) <= high[0, 0] or arb(high[0, 0]) >= exact


def test_cancellation_after_a_half_infinite_range() -> None:
    """The referee's network: the certified M was 0.40543519 where |dG/dz2| is 0.41997434."""
    nodes: list[Node] = [
        Input(2),
        Affine(0, np.array([[1e-9, 0.0]]), np.zeros(1)),
        Activation(1, "softplus", 1),
        scalar(1.0, 2, 1e12),
    ]
    nodes += [scalar(1.0, index) for index in range(3, 11)]
    nodes.append(scalar(1.0, 11, -(1e12 - 1)))
    nodes += [Affine(0, np.array([[0.0, 1.0]]), np.zeros(1)), Activation(13, "tanh", 1), scalar(1e-3, 14)]
    nodes += [Sum((12, 15), (1.0, 1.0), 1), Activation(16, "tanh", 1), scalar(1e3, 17)]
    found = constants(Generator("referee", Graph(tuple(nodes)), 1), effort=300.0)
    assert found.M.upper is not None and found.M.upper >= 0.41997434


def test_products_of_huge_and_subnormal_numbers_stay_inside() -> None:
    left = np.array([[1e300, 1e300]])
    right = np.array([[1234567e-320], [-1234566.9e-320]])
    product = multiply(exact_matrix(left), exact_matrix(right))
    exact = sum((ball(float(a)) * ball(float(b)) for a, b in zip(left[0], right[:, 0], strict=True)), arb(0))
    assert arb(float(product.midpoint[0, 0]), float(product.radius[0, 0])).contains(exact)


def test_repeated_sparse_entries_are_refused() -> None:
    weight = sp.csr_array((np.array([1e16, 1.0, -1e16]), np.array([0, 0, 0]), np.array([0, 3])), shape=(1, 1))
    with pytest.raises(InputError, match="canonical"):
        Affine(0, weight, np.zeros(1))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_weights_that_are_not_finite_are_refused(bad: float) -> None:
    with pytest.raises(InputError, match="NaN or infinite"):
        constants(Generator("bad", Graph((Input(1), scalar(bad))), 1))


def fractions(**values: object) -> dict[str, Fraction]:
    return {name: Fraction(str(value)) for name, value in values.items()}


def test_only_vanishing_curvature_admits_every_noise_level() -> None:
    none = check_constants("strong-invertibility", fractions(d=1, m=1, M="1.0001", M2=0))
    some = check_constants("strong-invertibility", fractions(d=1, m=1, M="1.0001", M2="0.00000000000000000001"))
    conclusions = [result.theorems[0].conclusion for result in (none, some)]
    assert conclusions[0] is not None and conclusions[0].values["beta_max"] == math.inf
    assert conclusions[1] is not None and conclusions[1].values["beta_max"] not in (None, math.inf)


@pytest.mark.parametrize("beta", ["5", "1e-250"])
def test_a_noise_level_without_choices_is_inconclusive_with_a_reason(beta: str) -> None:
    result = check_constants("strong-invertibility", fractions(d=8, m=1, M="1.5", M2="0.15"), beta=Fraction(beta))
    record = result.theorems[0]
    assert result.exit_code == 3 and "largest noise level that works is 0.19" in record.reason
    assert record.conclusion is not None and record.conclusion.values["K"] is None


def test_no_noise_level_at_all_keeps_the_keys_of_the_conclusion(monkeypatch: pytest.MonkeyPatch) -> None:
    # Twenty exponents stand for the hundreds at which nothing is found either.
    monkeypatch.setattr(optimiser, "SMALLEST_EXPONENT", optimiser.LARGEST_EXPONENT - 21)
    result = check_constants(
        "strong-invertibility", fractions(d=8, m=1, M="1.5", M2="0.15"), epsilon=Fraction(1, 10**300)
    )
    conclusion = result.theorems[0].conclusion
    assert conclusion is not None and conclusion.values["beta_max"] is None
    assert {"epsilon", "beta", "beta_max", "K", "K_gd", "eta", "theta", "R", "delta0", "tv_bound"} <= set(
        conclusion.to_dict()
    )


def test_an_observation_at_the_origin_needs_no_descent() -> None:
    result = check_constants(
        "strong-invertibility", fractions(d=2, m=1, M="1.5", M2="0.1", rho=0, N=10), beta=Fraction(1, 20)
    )
    conclusion = result.theorems[0].conclusion
    assert conclusion is not None and conclusion.values["K_gd"] == 0


def test_a_region_does_not_hide_a_refuted_assumption() -> None:
    generator = Generator("tanh", Graph((Input(1), Activation(0, "tanh", 1))), 0)
    region = Region(0.5)
    brackets = constants(generator, region, effort=2000.0)
    record = check_theorem(THEOREM, generator, brackets, None, Fraction(1, 10), None, 0)
    assert record.verdict is Verdict.NOT_APPLICABLE


def test_a_step_that_raises_stays_open() -> None:
    from dataclasses import replace

    from certify.checking.running import run_step
    from certify.errors import CertifyError
    from tests.power_instances import settled

    def raises(instance: object) -> tuple[()]:
        raise CertifyError("nothing can be measured here")

    (instance,) = settled(THEOREM, [(load_generator("linear:d=1,kappa=1,seed=0"), "0.2", None)])
    for step in THEOREM.steps:
        record = run_step(replace(step, check=raises), instance)
        assert record.verdict is Verdict.INCONCLUSIVE
        assert record.binding.reason == "nothing can be measured here"
        assert record.to_dict()["measured"] is None
