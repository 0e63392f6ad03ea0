"""Commands, one file each: a module with a function `run` is a command, found by discovery."""
