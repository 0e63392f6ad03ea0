"""The order of the site: every page of docs/ in one section; the other sections are found, not listed."""

from __future__ import annotations

SECTIONS: dict[str, tuple[str, ...]] = {
    "Start": ("quickstart", "practitioner", "digits", "verdicts", "notation"),
    "Results": (
        "constants",
        "rejection",
        "encoders",
        "audit",
        "report",
        "sweep",
        "certificates",
        "proving",
        "stress",
        "power",
    ),
    "Decoders and measurements": (
        "reading_onnx",
        "operators",
        "profiles",
        "samplers",
        "couplings",
        "mixing",
        "dichotomy",
        "exact_circuits",
        "hardness",
        "cluster",
        "diagnose",
        "inverse_problems",
    ),
    "Theory": (
        "theory",
        "sharp",
        "gaussian_encoder",
        "one_way",
        "collapse",
        "factorised_encoder",
        "modes",
        "amortisation",
        "formal",
        "ledger",
    ),
    "Python": ("python", "tutorial", "adding_a_theorem", "architecture"),
}
