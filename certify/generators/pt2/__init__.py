"""Exported programs of torch (`.pt2`), read as data."""
