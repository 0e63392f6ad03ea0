"""The theorems, one file each; every module with a `THEOREM` is found by discovery."""
