"""A theorem over many constants at once, every cell certified on its own."""
