"""The theorems, one folder each; every package or module with a `THEOREM` is found by discovery."""
