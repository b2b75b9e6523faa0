"""Write `.env` with random secrets, and the demo's key pair for signed webhooks. What is there is never changed."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

CHECKOUT = Path(__file__).resolve().parent.parent
ENV = CHECKOUT / ".env"
KEYS = CHECKOUT / "var" / "keys"


def values() -> dict[str, str]:
    """Fresh values of everything the demo needs."""
    return {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "FIELD_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "DEMO_PASSWORD": secrets.token_urlsafe(9),
        "WIX_WEBHOOK_SECRET": secrets.token_hex(24),
        "WIX_PUBLIC_KEY_FILE": "var/keys/wix_demo.pub.pem",
        "SMS_WEBHOOK_TOKEN": secrets.token_hex(24),
    }


def complete_env_file() -> None:
    """Make the file, private to its owner; to one that exists, add only the names it lacks."""
    try:
        descriptor = os.open(ENV, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        text = ENV.read_text()
        known = {line.partition("=")[0].removeprefix("export").strip() for line in text.splitlines()}
        missing = {name: value for name, value in values().items() if name not in known}
        if missing:
            with ENV.open("a") as file:
                file.write("" if not text or text.endswith("\n") else "\n")
                file.writelines(f"{name}={value}\n" for name, value in missing.items())
        return
    with os.fdopen(descriptor, "w") as file:
        file.write("# Secrets of this checkout, made at random. See .env.example for all settings.\n")
        file.writelines(f"{name}={value}\n" for name, value in values().items())


def make_key_pair() -> None:
    """The demo's stand-in for Wix: it signs with the private key, we verify with the public one."""
    private_file, public_file = KEYS / "wix_demo.pem", KEYS / "wix_demo.pub.pem"
    if public_file.exists():
        return
    KEYS.mkdir(parents=True, exist_ok=True)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    _write(
        private_file,
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
        0o600,
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    _write(public_file, public, 0o644)


def _write(path: Path, content: bytes, mode: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(content)


if __name__ == "__main__":
    complete_env_file()
    make_key_pair()
