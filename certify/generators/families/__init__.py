"""One file per generator family; each defines `FAMILY` and is found by discovery."""
