"""Encoder kinds: one file each, found by discovery (`certify.encoders.kind.encoder_kinds`)."""
