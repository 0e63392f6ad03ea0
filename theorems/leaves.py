"""What the proofs take from the literature: every statement exactly as it is used, once, with its source."""

from __future__ import annotations

from certify.prover.algebra import Leaf

LEAVES = {
    leaf.label: leaf
    for leaf in (
        Leaf("chain rule", "derivatives of compositions and sums of C^2 maps", "any course on analysis"),
        Leaf("Cauchy-Schwarz", "|<u, v>| <= |u| |v|", "any course on linear algebra"),
        Leaf("operator norm", "|A u| <= ||A|| |u| and |Bu| >= sigma_min(B) |u|", "any course on linear algebra"),
        Leaf("descent lemma", "h(y) <= h(x) + <grad h(x), y-x> + L|y-x|^2/2 where Hess h <= L on the segment",
             "Yu. Nesterov, Introductory Lectures (2004), Lemma 1.2.3"),
        Leaf("Gaussian integral", "int exp(-p|z-c|^2/2) dz = (2 pi/p)^(d/2), p > 0, and its part outside a ball",
             "any course on probability"),
        Leaf("Gaussian concentration", "P(h(xi) > E h + t) <= exp(-t^2/(2 l^2)), h l-Lipschitz, xi standard Gaussian",
             "B. Tsirelson, I. Ibragimov, V. Sudakov 1976"),
        Leaf("mean of chi", "E chi_d <= sqrt(d)", "Jensen's inequality"),
        Leaf("divergence theorem", "E<grad f(Y), Y-z*> <= d for Y ~ exp(-f) on a convex set that contains z*: the flux "
             "through the boundary has a sign", "any course on analysis"),
        Leaf("projection", "the projection onto a closed convex set is 1-Lipschitz", "any course on convex analysis"),
        Leaf("Girsanov", "KL of path laws: half the mean integral of the squared drift difference over the variance",
             "I. Girsanov 1960"),
        Leaf("Pinsker", "TV <= sqrt(KL/2)", "M. Pinsker 1960; I. Csiszar 1967"),
        Leaf("Gaussian shift", "TV(N(u, s^2 I), N(v, s^2 I)) <= |u-v|/(s sqrt(2 pi))",
             "the density of a Gaussian is at most 1/(s sqrt(2 pi)) along any line"),
        Leaf("union bound", "P(A or B) <= P(A) + P(B), and the triangle inequality of TV", "any course on probability"),
        Leaf("coupling", "TV(law X, law Y) <= P(X != Y)", "any course on probability"),
        Leaf("log-Sobolev", "a mu-strongly log-concave law has KL <= I/(2 mu)", "D. Bakry, M. Emery 1985"),
        Leaf("Stein", "E<xi, F(xi)> = E div F(xi), xi standard Gaussian, F smooth of slow growth", "C. Stein 1981"),
        Leaf("entropy power", "exp(2h(X+Y)/n) >= exp(2h(X)/n) + exp(2h(Y)/n), X and Y independent in R^n",
             "C. Shannon 1948; A. Stam 1959"),
        Leaf("largest entropy", "h(X) <= (n/2) log(2 pi e tr Cov(X)/n) in R^n", "any course on information theory"),
        Leaf("Poincare", "Var g(z) <= E|grad g(z)|^2, z standard Gaussian", "H. Chernoff 1981"),
        Leaf("orthant probability", "P(X > 0, Y > 0) = 1/4 + arcsin(rho)/(2 pi), X, Y centred Gaussian with "
             "correlation rho", "W. Sheppard 1899"),
        Leaf("Gaussian isoperimetry", "P(w in A_s) >= Phi(Phi^{-1}(P(w in A)) + s), A_s the points within s of A",
             "V. Sudakov, B. Tsirelson 1974; C. Borell 1975"),
        Leaf("one-way permutation", "no circuit of the size in question inverts P better than with probability delta",
             "an assumption of complexity theory"),
    )
}  # fmt: skip
"""By label; a proof's ledger counts which of them it uses."""
