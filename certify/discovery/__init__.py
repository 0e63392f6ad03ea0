"""Theorems found: installed ones, those of a file with what is wrong in it, and the file that an author begins with."""
