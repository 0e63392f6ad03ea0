"""The Python face: what the command line does, one file per verb, each shown as `certify.VERB`.

Every verb takes plain values or `certify` objects, raises `InputError` for a wrong one, and returns a result that
prints, shows in a notebook, serialises and compares (`certify.api.shown`).
"""
