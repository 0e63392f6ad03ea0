#!/usr/bin/env bash
# distributed 2026.8.0.
# One would expect that LocalCluster(dashboard_address=None) opens no HTTP port: its docstring says of dashboard_address
# "Set to None to disable the dashboard", and of the default ":8787" that it is the address of the dashboard's server.
# An HTTP server listens nevertheless, on port 8787 of the host if that is free (else on a random one, with a warning),
# and answers /health and /metrics without authentication. Only the Bokeh pages are gone.
# It touches whoever starts `--scheduler local:N` twice on one machine, or counts open ports: certify asks for a random
# port on loopback instead, and says so in docs/cluster.md.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv" || exit 2
"$folder/venv/bin/python" -m pip install -q distributed==2026.8.0 || exit 2
cd "$folder"
cat > seen.py <<'PYTHON'
import sys
import urllib.request
import warnings

import distributed

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print("distributed", distributed.__version__)
    print("expected: no HTTP server with dashboard_address=None")
    with distributed.LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address=None) as cluster:
        port = cluster.scheduler.http_server.port
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health") as answer:
            said = answer.read().decode()
    print(f"seen: port {port} answers /health with {said!r}")
    sys.exit(0 if said == "ok" else 1)
PYTHON
"$folder/venv/bin/python" seen.py
