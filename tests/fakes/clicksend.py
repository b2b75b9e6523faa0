"""A ClickSend on this machine: sending, history and account, webhooks as forms or JSON.

python -m tests.fakes.clicksend --port 9802 --username u --api-key k --inbound-url http://… --receipt-url http://…
"""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlencode

from tests.fakes.server import Call, FakeProvider, Reply, serve

CURRENCY = {
    "currency_name_short": "AUD",
    "currency_prefix_d": "$",
    "currency_name_long": "Australian Dollars",
}
TEXTS = {"200": "Success: Message sent to network.", "201": "Success: Message received on handset.",
         "300": "Temporary error: will be tried again.", "301": "Error: Delivery failed."}  # fmt: skip
REFUSALS = {
    "busy": (429, "TOO_MANY_REQUESTS"),
    "unauthorized": (401, "UNAUTHORIZED"),
    "payment_required": (402, "PAYMENT_REQUIRED"),
    "error_500": (500, "INTERNAL_SERVER_ERROR"),
}
#: What is said of a message in an answer that is 200 all the same.
STATUSES = {
    "no_credit": "INSUFFICIENT_CREDIT",
    "invalid_number": "INVALID_RECIPIENT",
    "no_sender": "INVALID_SENDER_ID",
    "opted_out": "RECIPIENT_OPTED_OUT",
}


def envelope(data: Any, code: str = "SUCCESS", status: int = 200) -> dict[str, Any]:
    """ClickSend's wrapping of every answer."""
    return {"http_code": status, "response_code": code, "response_msg": "Here is the data.", "data": data}


class FakeClickSend(FakeProvider):
    """`inbound_url` and `receipt_url` are its rules' addresses; `webhook_type` is post (a form) or json."""

    name: ClassVar[str] = "clicksend"
    arrived: ClassVar[str] = "201"

    def __init__(
        self, *, username: str = "clinic", api_key: str = "clicksend-key", inbound_url: str = "", receipt_url: str = "",
        webhook_type: str = "post", port: int = 0, journal: Path | None = None,
    ) -> None:  # fmt: skip
        super().__init__(port=port, journal=journal)
        self.login = (username, api_key)
        self.inbound_url, self.receipt_url, self.webhook_type = inbound_url, receipt_url, webhook_type
        self.messages: dict[str, dict[str, Any]] = {}
        self.price = "0.0792"
        #: Numbers it refuses inside an answer that is 200, with the word for why (one of STATUSES).
        self.refused: dict[str, str] = {}
        #: Numbers whose texts it takes, and leaves out of its answer.
        self.unsaid: set[str] = set()
        #: Texts that a rule with the action POLL put into the list of those nobody read yet.
        self.unread: list[dict[str, Any]] = []
        #: With it, texts are only in that list: their webhook is lost.
        self.silent = False

    def answer(self, call: Call) -> Reply:
        if call.login != self.login:
            return self.refusal("unauthorized")
        if call.path == "/v3/account":
            return Reply(
                200, envelope({"username": self.login[0], "balance": "12.500000", "_currency": CURRENCY})
            )
        if call.path == "/v3/sms/history":
            return self._history(call)
        if call.path == "/v3/sms/inbound":
            return self._page(self.unread, call)
        if call.path.startswith("/v3/sms/inbound-read/") and call.method == "PUT":
            read = call.path.rpartition("/")[2]
            self.unread = [row for row in self.unread if row["message_id"] != read]
            return Reply(200, envelope(None))
        if call.path == "/v3/sms/send" and call.method == "POST":
            messages = self._present = json.loads(call.body)["messages"]
            return self.take(lambda: self._said([self._accept(message) for message in messages]))
        return Reply(404, envelope(None, "NOT_FOUND", 404))

    def refusal(self, name: str) -> Reply:
        if name in STATUSES:
            return self._said([self._refuse(message, name) for message in self._present])
        status, code = REFUSALS[name]
        return Reply(status, envelope(None, code, status))

    def _refuse(self, message: dict[str, Any], name: str) -> dict[str, Any]:
        return {**message, "message_id": None, "status": STATUSES[name]}

    def _accept(self, message: dict[str, Any]) -> dict[str, Any]:
        if message["to"] in self.refused:
            return self._refuse(message, self.refused[message["to"]])
        parts = len(message["body"]) // 153 + 1
        row = {
            "direction": "out", "date": int(self.now().timestamp()), "to": message["to"], "body": message["body"],
            "from": message.get("from", "+61400000000"), "schedule": 0, "message_id": str(uuid.uuid4()).upper(),
            "message_parts": parts, "message_price": f"{float(self.price) * parts:.4f}", "country": "AU",
            "custom_string": message.get("custom_string", ""), "user_id": 1, "subaccount_id": 1, "status": "SUCCESS",
        }  # fmt: skip
        self.messages[row["message_id"]] = row
        said = {name: row[name] for name in ("to", "from", "body")}
        self.note({"id": row["message_id"], **said, "reference": row["custom_string"]})
        return row

    def _said(self, rows: list[dict[str, Any]]) -> Reply:
        data = {
            "total_price": 0.0792,
            "total_count": len(rows),
            "queued_count": sum(row["status"] == "SUCCESS" for row in rows),
            "messages": [row for row in rows if row["to"] not in self.unsaid],
            "_currency": CURRENCY,
        }
        return Reply(200, envelope(data))

    def _history(self, call: Call) -> Reply:
        since = int(call.query["date_from"])
        return self._page(
            [{"status_code": "200", **row} for row in self.messages.values() if row["date"] >= since], call
        )

    def _page(self, rows: list[dict[str, Any]], call: Call) -> Reply:
        page, limit = (int(call.query.get(name, "1")) for name in ("page", "limit"))
        last = max(-(-len(rows) // limit), 1)
        paging = {"total": len(rows), "per_page": limit, "current_page": page, "last_page": last}
        return Reply(200, envelope({**paging, "data": rows[(page - 1) * limit : page * limit]}))

    def reply(self, from_: str, to: str, body: str, **more: Any) -> tuple[int, bytes]:
        """Post a text to the inbound rule's address, under the new names and the old."""
        last = next((row for row in reversed(self.messages.values()) if row["to"] == from_), {})
        fields = {
            "timestamp": str(int(self.now().timestamp())), "from": from_, "body": body, "to": to,
            "original_body": last.get("body", ""), "original_message_id": last.get("message_id", ""),
            "custom_string": last.get("custom_string", ""), "message_id": str(uuid.uuid4()).upper(), "message": body,
            "sms": from_, "originalsenderid": to, "user_id": "1", "subaccount_id": "1", "_keyword": body.split(" ")[0],
            **more,
        }  # fmt: skip
        self.unread.append(fields)
        return (0, b"") if self.silent else self._post(self.inbound_url, fields)

    def report(self, message_id: str, status: str, *, error: str = "", **more: Any) -> tuple[int, bytes]:
        """Post a receipt with this status code (200, 201, 300, 301) to the receipts rule's address."""
        row = self.messages[message_id]
        row["status_code"] = status
        at = str(int(self.now().timestamp()))
        fields = {
            "timestamp_send": str(row["date"]), "timestamp": at, "message_id": message_id, "status_code": status,
            "status_text": TEXTS.get(status, ""), "error_code": "1" if error else "", "error_text": error,
            "custom_string": row["custom_string"], "user_id": "1", "subaccount_id": "1", "message_type": "sms", **more,
        }  # fmt: skip
        return self._post(self.receipt_url, fields)

    def _post(self, url: str, fields: dict[str, str]) -> tuple[int, bytes]:
        if self.webhook_type == "json":
            return self.deliver(url, json.dumps(fields).encode(), {"Content-Type": "application/json"})
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.deliver(url, urlencode(fields).encode(), kind)


def main() -> None:
    serve(FakeClickSend, __doc__, username="clinic", api_key="clicksend-key", inbound_url="", receipt_url="")


if __name__ == "__main__":
    main()
