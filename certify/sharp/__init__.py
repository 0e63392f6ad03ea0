"""Sharp mixing bounds around one computed point: radial envelopes, their integrals, chains, single Gaussian layers."""
