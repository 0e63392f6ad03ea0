"""The documentation's site: what mkdocs does not know of this project, and nothing else."""
