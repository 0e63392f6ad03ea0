"""One module per kind of portable certificate, each with a `KIND`; found by discovery."""
