"""Reports: tables of the records, one file per output format, every printed bound true as printed."""
