"""The encoder as a network: its size (and, later, its construction and export)."""
