"""Any encoder held against the true posterior: its distance in total variation, its calibration, a verdict."""
