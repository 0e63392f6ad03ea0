"""Measurements that the steps of a proof are held against, one file per step or part of a step."""
