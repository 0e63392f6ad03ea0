"""M of a network by its matrix inequality, with the multipliers and a factor that proves it."""

from __future__ import annotations

from certify.certificates.portable.question import PortableKind
from certify.certificates.portable.stretch import stretch_certificate

KIND = PortableKind(
    "lipschitz",
    "|G(z) - G(z')| <= M |z - z'| for all z, z'",
    lambda question: stretch_certificate(question, "M", 1.0),
)
