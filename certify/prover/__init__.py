"""Relations between named real or natural parameters: proved for all values, or refuted at a short one."""
