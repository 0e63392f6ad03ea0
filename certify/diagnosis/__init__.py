"""A decoder and its data, diagnosed: what holds there, what it costs, and what to change, question by question."""
