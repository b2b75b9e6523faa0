"""A MessageMedia (Sinch Engage) on this machine: sending in sets, lists to confirm, callbacks, the account's webhooks,
signatures.

python -m tests.fakes.messagemedia --port 9803 --api-key k --api-secret s --callback-url http://… --opt-out-url http://…
"""

from __future__ import annotations

import base64
import json
import uuid
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA224, SHA256, SHA512

from tests.fakes.server import Call, FakeProvider, Reply, serve

BATCH = 100
SAME_FOR = timedelta(hours=24)
STOP = {"STOP", "OPTOUT", "UNSUBSCRIBE", "ENDE"}
DIGESTS = {"SHA224": SHA224(), "SHA256": SHA256(), "SHA512": SHA512()}
REFUSALS: dict[str, tuple[int, str, list[str]]] = {
    "busy": (429, "Too many requests. Please retry later.", []),
    "unauthorized": (401, "Authentication failed.", []),
    "no_credit": (402, "Payment required.", []),
    "invalid_number": (400, "Request validation failed.", ["/messages/0/destination_number is invalid"]),
    "no_sender": (400, "Request validation failed.", ["/messages/0/source_number is not registered"]),
    "opted_out": (400, "Request validation failed.", ["/messages/0 is on the blacklist"]),
    "error_500": (500, "Something went wrong.", []),
}


def signature(key: RSAPrivateKey, line: str, date: str, body: bytes, digest: str = "SHA256") -> str:
    """What it puts into X-Messagemedia-Signature: line, date and body with nothing between them."""
    signed = line.encode() + date.encode() + body
    return base64.b64encode(key.sign(signed, padding.PKCS1v15(), DIGESTS[digest])).decode()


class FakeMessageMedia(FakeProvider):
    """Texts and reports go to the address that a text named; without one to the account's webhook, `callback_url`, with
    `secret` in a header. `opt_out_url` hears of opt-outs. With a `key` everything is signed. `silent` posts nothing:
    what happened is only in the lists. `refuse_same` is the account's de-duplication; what is withheld is told in the
    lists alone.
    """

    name: ClassVar[str] = "messagemedia"
    arrived: ClassVar[str] = "delivered"

    def __init__(
        self, *, api_key: str = "mm-key", api_secret: str = "mm-secret", callback_url: str = "", opt_out_url: str = "",
        secret: str = "", key: RSAPrivateKey | None = None, refuse_same: bool = False, port: int = 0,
        journal: Path | None = None,
    ) -> None:  # fmt: skip
        super().__init__(port=port, journal=journal)
        self.login = (api_key, api_secret)
        self.callback_url, self.opt_out_url, self.secret, self.key = callback_url, opt_out_url, secret, key
        self.refuse_same, self.silent = refuse_same, False
        self.messages: dict[str, dict[str, Any]] = {}
        #: What nobody confirmed yet, oldest first.
        self.unconfirmed: dict[str, list[dict[str, Any]]] = {"replies": [], "delivery_reports": []}
        #: Numbers that make a call that names them invalid as a whole.
        self.invalid: set[str] = set()
        self.blacklist: set[str] = set()

    def answer(self, call: Call) -> Reply:
        if call.login != self.login:
            return self.refusal("unauthorized")
        given = json.loads(call.body) if call.body else {}
        if (call.method, call.path) == ("POST", "/v1/messages"):
            return self.take(lambda: self._accept(given["messages"]))
        for name, one in (("replies", "reply_id"), ("delivery_reports", "delivery_report_id")):
            if (call.method, call.path) == ("GET", f"/v1/{name}"):
                return Reply(200, {name: self.unconfirmed[name][:BATCH]})
            if (call.method, call.path) == ("POST", f"/v1/{name}/confirmed"):
                self.unconfirmed[name] = [
                    row for row in self.unconfirmed[name] if row.get(one) not in given[f"{one}s"]
                ]
                return Reply(202, {})
        found = self.messages.get(call.path.rpartition("/")[2])
        return Reply(200, found) if found else Reply(404, {"message": "Resource not found", "details": []})

    def refusal(self, name: str) -> Reply:
        status, message, details = REFUSALS[name]
        return Reply(status, {"message": message, "details": details})

    def _accept(self, messages: list[dict[str, Any]]) -> Reply:
        if len(messages) > BATCH or any(len(str(v)) > 256 for m in messages for v in m["metadata"].values()):
            return Reply(400, {"message": "Request validation failed.", "details": ["/messages is too long"]})
        for message in messages:
            if message["destination_number"] in self.invalid:
                return self.refusal("invalid_number")
        return Reply(202, {"messages": [self._take(message) for message in messages]})

    def _take(self, message: dict[str, Any]) -> dict[str, Any]:
        to, body = message["destination_number"], message["content"]
        row = {**message, "message_id": str(uuid.uuid4()), "status": "queued"}
        same = [
            kept
            for kept in self.messages.values()
            if (kept["destination_number"], kept["content"]) == (to, body)
            and self.now() - kept["taken_at"] < SAME_FOR
        ]
        self.messages[row["message_id"]] = {**row, "taken_at": self.now()}
        if to in self.blacklist or (self.refuse_same and same):
            self._list_report(row["message_id"], "rejected")
        else:
            said = {"to": to, "from": message.get("source_number", ""), "body": body}
            self.note({"id": row["message_id"], **said, "reference": row["metadata"].get("ref", "")})
        return row

    def reply(self, from_: str, to: str, body: str, **more: Any) -> tuple[int, bytes]:
        """Somebody texts the clinic; a STOP puts the number on the blacklist and tells the webhook for opt-outs."""
        last = next(
            (row for row in reversed(self.messages.values()) if row["destination_number"] == from_), {}
        )
        fields = {
            "callback_url": last.get("callback_url"), "content": body, "date_received": self._at(),
            "destination_number": to, "message_id": last.get("message_id"), "metadata": last.get("metadata", {}),
            "reply_id": str(uuid.uuid4()), "source_number": from_,
            "vendor_account_id": {"vendor_id": "MessageMedia", "account_id": "Clinic"}, **more,
        }  # fmt: skip
        self.unconfirmed["replies"].append(fields)
        said = self._post(fields, fields["callback_url"])
        if body.strip().upper() in STOP:
            self.blacklist.add(from_)
            self.opt_out(fields)
        return said

    def opt_out(self, fields: dict[str, Any]) -> tuple[int, bytes]:
        """Tell the account's webhook that this text was taken for an opt-out."""
        return self._post(fields, "", url=self.opt_out_url)

    def report(self, message_id: str, status: str, *, error: str = "", **more: Any) -> tuple[int, bytes]:
        """Post how far a text has come; with `error`, its code, to the account's webhook, which alone has it."""
        fields = self._list_report(message_id, status, **more)
        if error:
            return self._post({**fields, "error_code": error}, "")
        return self._post(fields, fields["callback_url"])

    def _list_report(self, message_id: str, status: str, **more: Any) -> dict[str, Any]:
        row = self.messages[message_id]
        row["status"] = status
        fields = {
            "callback_url": row.get("callback_url"), "date_received": self._at(), "delay": 0, "billing_units": 1,
            "delivery_report_id": str(uuid.uuid4()), "message_id": message_id, "metadata": row["metadata"],
            "original_text": row["content"], "source_number": row["destination_number"], "status": status,
            "submitted_date": self._at(), "vendor_account_id": {"vendor_id": "MessageMedia", "account_id": "Clinic"},
            **more,
        }  # fmt: skip
        self.unconfirmed["delivery_reports"].append(fields)
        return fields

    def _post(
        self, fields: dict[str, Any], callback: str | None, *, url: str | None = None
    ) -> tuple[int, bytes]:
        where = url if url is not None else callback or self.callback_url
        if self.silent or not where:
            return 0, b""
        body, headers = json.dumps(fields).encode(), {"Content-Type": "application/json"}
        if self.secret and where != callback:
            headers["X-Avatar-Token"] = self.secret
        if self.key is not None:
            parts = urlsplit(where)
            line = f"POST {parts.path}{f'?{parts.query}' if parts.query else ''} HTTP/1.1"
            date = format_datetime(self.now(), usegmt=False)
            headers |= {
                "Date": date, "X-Messagemedia-Signature": signature(self.key, line, date, body),
                "X-Messagemedia-Digest-Type": "SHA256", "X-Messagemedia-Cipher-Type": "RSA",
                "X-Messagemedia-Key-Id": "k-1",
            }  # fmt: skip
        return self.deliver(where, body, headers)

    def _at(self) -> str:
        return self.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")


def main() -> None:
    serve(
        FakeMessageMedia,
        __doc__,
        api_key="mm-key",
        api_secret="mm-secret",
        callback_url="",
        opt_out_url="",
        secret="",
    )


if __name__ == "__main__":
    main()
