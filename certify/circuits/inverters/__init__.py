"""Ways to invert a permutation, one file each with an `INVERTER`, found by discovery."""
