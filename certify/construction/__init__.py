"""From a theorem to its network: settle the theorem at a generator, build its encoder, bound it and count it."""
