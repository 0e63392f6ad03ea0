"""The symbols that the toolkit itself measures or asks for: sizes and constants of G, noise level, accuracy."""

from __future__ import annotations

from certify.symbolic.declaration import declare

d = declare("d", "integer >= 1", "d", "latent dimension")
n = declare("n", "integer >= d", "n", "observed dimension, n >= d", d)
N = declare("N", "integer >= 1", "N", "number of parameters of G")
m = declare("m", "(0, inf)", "m", "strong invertibility: |G(z)-G(z')| >= m|z-z'|")
M = declare("M", "[m, inf)", "M", "Lipschitz constant of G", m)
M2 = declare("M2", "[0, inf)", "M_2", "Lipschitz constant of the Jacobian: |D^2G[u,v]| <= M2|u||v|")
M3 = declare("M3", "[0, inf)", "M_3", "bound of the third derivative: |D^3G[u,v,w]| <= M3|u||v||w|")
beta = declare("beta", "(0, inf)", r"\beta", "noise level of the decoder")
epsilon = declare("epsilon", "(0, 1)", r"\varepsilon", "target total variation distance")
t_x = declare("t_x", "[0, inf)", "t_x", "deviation of x: it is exceeded with probability exp(-t_x^2/2)")
rho = declare("rho", "[0, inf)", r"\rho", "bound on |zh|, zh = G^{-1}(x)")

CONSTANTS = (d, m, M, M2, M3, rho, N, n)
"""What a string of bare constants may give to every theorem."""
