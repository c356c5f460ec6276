"""What the package replaces: the script that this project began with, here for comparison and for its benchmark."""

import json
import os
import subprocess
import sys
import tempfile


def convert(capture, nfdump="nfdump", nfpcapd="nfpcapd"):
    """File name -> list of flows."""
    flows = {}
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run([nfpcapd, "-r", capture, "-w", directory], check=True, capture_output=True)
        for where, _, names in sorted(os.walk(directory)):
            for name in sorted(names):
                path = os.path.join(where, name)
                done = subprocess.run([nfdump, "-q", "-r", path, "-o", "json"], check=True, capture_output=True)
                flows[name] = json.loads(done.stdout or "[]")
    return flows


if __name__ == "__main__":
    print(json.dumps(convert(*sys.argv[1:])))
