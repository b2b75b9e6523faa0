"""Build `.venv` from a lock with hashes. Needs nothing but Python and pip; quick when nothing changed.

Usage: python3 scripts/bootstrap.py embedded|dev
"""

from __future__ import print_function

import sys

if sys.version_info < (3, 11):
    sys.exit("This needs Python 3.11 or later; %s is %s." % (sys.executable, sys.version.split()[0]))

import hashlib
import os
import platform
import shutil
import subprocess
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
VENV = CHECKOUT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed.txt"
LOCKS = CHECKOUT / "requirements"
CACHE = CHECKOUT / "var" / "cache"
LEVELS = ("embedded", "dev")


def main(level):
    refuse_unsupported()
    CACHE.parent.mkdir(exist_ok=True)
    with open(CACHE.parent / "bootstrap.lock", "w") as lock:
        wait_for(lock)
        have, wanted = installed(), level
        if have and LEVELS.index(have) >= LEVELS.index(level):
            return
        if (VENV / "level.txt").exists() and "dev" in (VENV / "level.txt").read_text():
            wanted = "dev"
        make_venv()
        install(wanted)
        (VENV / "level.txt").write_text(wanted)
        STAMP.write_text(stamp(wanted))
        shutil.rmtree(CACHE, ignore_errors=True)


def refuse_unsupported():
    if sys.platform not in ("linux", "darwin"):
        sys.exit(
            "This runs on Linux and macOS. On Windows use WSL, or install requirements/base.lock by hand."
        )
    if sys.platform == "linux" and platform.libc_ver()[0] != "glibc":
        sys.exit(
            "The embedded servers need a Linux with glibc, and this one has another C library. Install "
            "requirements/base.lock by hand and give DATABASE_URL and REDIS_URL, or use a glibc system."
        )


def wait_for(lock):
    """Only one builds at a time; the other waits, then finds it built."""
    import fcntl

    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("Another `make` is building .venv; waiting for it.", flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)


def stamp(level):
    """Changes with the lock, the interpreter and the place: a virtual environment cannot be moved."""
    text = "\n".join([(LOCKS / (level + ".lock")).read_text(), sys.version, str(CHECKOUT)])
    return hashlib.sha256(text.encode()).hexdigest()


def installed():
    """The level that is installed and up to date; empty when there is none."""
    if not PYTHON.exists() or not STAMP.exists():
        return ""
    return next((level for level in LEVELS if stamp(level) == STAMP.read_text()), "")


def make_venv():
    if PYTHON.exists() and (VENV / "level.txt").exists() and works():
        return
    print("Making .venv with Python %s" % platform.python_version(), flush=True)
    made = quietly([sys.executable, "-m", "venv", "--clear", str(VENV)])
    if made.returncode:
        # Debian keeps ensurepip in a package of its own; the pip that is there can fill the environment as well.
        made = quietly([sys.executable, "-m", "venv", "--clear", "--without-pip", str(VENV)])
    if made.returncode:
        sys.exit("Could not make a virtual environment in .venv: %s" % last_line(made))


def works():
    same = "import sys; sys.exit(sys.prefix != %r or sys.version != %r)" % (str(VENV), sys.version)
    return quietly([str(PYTHON), "-c", same]).returncode == 0


def install(level):
    print("Installing packages from requirements/%s.lock" % level, flush=True)
    lock = str(LOCKS / (level + ".lock"))
    got_uv = pip("install", "--require-hashes", "-r", str(LOCKS / "uv.lock"))
    if got_uv.returncode == 0:
        done = quietly(
            [str(PYTHON), "-m", "uv", "pip", "sync", "--require-hashes", "--python", str(PYTHON), lock],
            uv_environment(),
        )
        if done.returncode == 0:
            return
    print(
        "uv could not be used (%s); pip takes a little longer."
        % last_line(done if not got_uv.returncode else got_uv),
        flush=True,
    )
    done = pip("install", "--require-hashes", "-r", lock)
    if done.returncode:
        sys.exit(
            "Could not install the packages: %s\nCheck the network, or pip's settings (pip config list)."
            % last_line(done)
        )


def pip(*arguments):
    inside = [str(PYTHON), "-m", "pip"]
    if quietly([*inside, "--version"]).returncode:
        inside = [sys.executable, "-m", "pip", "--python", str(PYTHON)]
    return quietly(
        [*inside, arguments[0], "--quiet", "--disable-pip-version-check", "--no-cache-dir", *arguments[1:]]
    )


def uv_environment():
    """uv with pip's settings: where packages come from is configured there, on machines that have no open network.

    Looking in every index is safe here, because each file must have the hash in the lock.
    """
    environment = dict(os.environ, UV_CACHE_DIR=str(CACHE), UV_INDEX_STRATEGY="unsafe-best-match")
    told = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    for line in told.stdout.splitlines():
        name, _, value = line.partition("=")
        words = value.strip("'\"").replace("\\n", " ").split()
        option = name.rsplit(".", 1)[-1]
        if option == "index-url" and words:
            environment.setdefault("UV_DEFAULT_INDEX", words[0])
        elif option == "extra-index-url" and words:
            environment.setdefault("UV_INDEX", " ".join(words))
        elif option == "find-links" and words:
            environment.setdefault("UV_FIND_LINKS", " ".join(words))
        elif option == "cert" and words:
            environment.setdefault("SSL_CERT_FILE", words[0])
        elif option == "no-index" and words[:1] in (["true"], ["1"], ["yes"]):
            environment.setdefault("UV_NO_INDEX", "1")
    return environment


def quietly(command, environment=None):
    return subprocess.run(
        command,
        cwd=CHECKOUT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def last_line(done):
    lines = [line.strip() for line in (done.stdout or "").splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines or ["it gave no reason"])[-1]


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in LEVELS:
        sys.exit(__doc__)
    try:
        main(sys.argv[1])
    except PermissionError as error:
        sys.exit("Cannot write %s: run as the owner of this checkout, or clone it anew." % error.filename)
