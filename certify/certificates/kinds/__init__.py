"""One module per kind of certificate, each with a `KIND`; found by discovery."""
