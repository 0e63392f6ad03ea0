"""log p(x) of single observations, enclosed: by certified envelopes, and by exact sampling under them."""
