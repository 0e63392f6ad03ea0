"""Table formats, one file each: a module with `FORMAT` is a format, found by discovery."""
