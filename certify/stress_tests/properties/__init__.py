"""One property of theorems per file; a module with a `PROPERTY` is found by discovery."""
