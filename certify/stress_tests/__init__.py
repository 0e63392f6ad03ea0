"""Stress: properties of theorems on random and adversarial cases, what the checks can see, and saved cases."""
