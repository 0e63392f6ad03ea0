"""Checks that theorems share: each turns measurements of one instance into findings on named claims."""
