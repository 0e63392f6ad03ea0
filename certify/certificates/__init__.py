"""Certificates as files: records that hold what proves them, read strictly and checked again without a search."""
