"""One sympy expression per closed form, evaluated in floats, arrays and balls and printed as LaTeX."""
