"""Runs the clients of docs/serve.md and of both READMEs as they stand there: curl, Python (requests), Java (java.net.http).

python3 tests/programs/clients.py     needs the release binary, curl, requests, a JDK"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = ROOT / "target/release/xiaobao"
for program in ["curl", "java"]:
    if not shutil.which(program):
        sys.exit(f"clients.py: {program} is missing")


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(), re.S)


with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    add = [BINARY, "keys", "add", "intake", "--scope", "triage", "--file", folder / "keys.toml"]
    key = subprocess.run(add, capture_output=True, text=True, check=True).stdout.strip()
    server = subprocess.Popen(
        [BINARY, "serve", "--listen", "127.0.0.1:0", "--keys", folder / "keys.toml"],
        cwd=ROOT, stderr=subprocess.PIPE, text=True,
    )
    url = next(m[1] for line in server.stderr if (m := re.search(r"serving on (http://[^,]+),", line)))
    threading.Thread(target=lambda: [None for _ in server.stderr], daemon=True).start()
    environment = os.environ | {"XIAOBAO_URL": url, "XIAOBAO_KEY": key}
    try:
        for page in ["docs/serve.md", "README.md", "README.en.md"]:
            (folder / "triage.py").write_text(blocks(page, "python")[0])
            (folder / "Triage.java").write_text(blocks(page, "java")[0])
            curl = next(b for b in blocks(page, "sh") if "$XIAOBAO_URL" in b)
            for name, command in [
                ("curl", ["bash", "-c", curl]),
                ("Python", [sys.executable, folder / "triage.py"]),
                ("Java", ["java", folder / "Triage.java"]),
            ]:
                ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
                assert ran.returncode == 0 and "BK05" in ran.stdout, (name, ran.stdout[-500:], ran.stderr[-800:])
                print(f"{page}: {name}: BK05")
    finally:
        server.terminate()
        assert server.wait(40) == 0
