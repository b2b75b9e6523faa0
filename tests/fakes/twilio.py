"""A Twilio on this machine: Messages and the account itself, signed webhooks, opt-outs by keyword.

python -m tests.fakes.twilio --port 9801 --account-sid AC1 --auth-token t --sms-url http://127.0.0.1:8000/webhooks/twilio/sms
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from datetime import datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from tests.fakes.server import Call, FakeProvider, Reply, serve

STOP = {"STOP", "STOPALL", "UNSUBSCRIBE", "END", "QUIT", "CANCEL", "REVOKE", "OPTOUT"}
START = {"START", "UNSTOP", "YES"}
REFUSALS = {
    "busy": (429, 20429, "Too Many Requests"),
    "unauthorized": (401, 20003, "Authenticate"),
    "no_credit": (402, None, "Payment Required"),
    "opted_out": (400, 21610, "Attempt to send to unsubscribed recipient"),
    "invalid_number": (400, 21211, "Invalid 'To' Phone Number"),
    "landline": (400, 21635, "'To' number cannot be a landline"),
    "no_sender": (400, 21606, "The 'From' phone number is not valid"),
    "error_500": (500, 20500, "Internal Server Error"),
}


def signature(url: str, fields: dict[str, str], token: str) -> str:
    """What Twilio puts into X-Twilio-Signature for a form."""
    signed = url + "".join(f"{name}{fields[name]}" for name in sorted(fields))
    return base64.b64encode(hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()).decode()


class FakeTwilio(FakeProvider):
    """`sms_url` is where its number's texts are posted; reports go where each text asked for."""

    name: ClassVar[str] = "twilio"
    arrived: ClassVar[str] = "delivered"

    def __init__(
        self, *, account_sid: str = "AC" + "a" * 32, auth_token: str = "twilio-token", sms_url: str = "",
        advanced_opt_out: bool = False, port: int = 0, journal: Path | None = None,
    ) -> None:  # fmt: skip
        super().__init__(port=port, journal=journal)
        self.account_sid, self.auth_token, self.sms_url = account_sid, auth_token, sms_url
        self.advanced_opt_out = advanced_opt_out
        self.messages: dict[str, dict[str, Any]] = {}
        self.callbacks: dict[str, str] = {}
        self.opted_out: set[str] = set()
        self.price: str | None = None

    def answer(self, call: Call) -> Reply:
        if call.login != (self.account_sid, self.auth_token):
            return self.refusal("unauthorized")
        own = f"/2010-04-01/Accounts/{self.account_sid}"
        if call.path == f"{own}.json":
            return Reply(200, {"sid": self.account_sid, "status": "active", "type": "Full"})
        if call.path == f"{own}/Messages.json" and call.method == "GET":
            return self._list(call)
        if call.path == f"{own}/Messages.json":
            form = dict(parse_qsl(call.body.decode(), keep_blank_values=True))
            return self.take(lambda: self._accept(form))
        return Reply(404, {"code": 20404, "message": "The requested resource was not found", "status": 404})

    def refusal(self, name: str) -> Reply:
        status, code, message = REFUSALS[name]
        link = f"https://www.twilio.com/docs/errors/{code}"
        return Reply(status, {"code": code, "message": message, "more_info": link, "status": status})

    def _accept(self, form: dict[str, str]) -> Reply:
        if not form.get("To") or not (form.get("From") or form.get("MessagingServiceSid")):
            return Reply(400, {"code": 21604, "message": "A parameter is missing", "status": 400})
        if form["To"] in self.opted_out:
            return self.refusal("opted_out")
        sid, body = f"SM{uuid.uuid4().hex}", form.get("Body", "")
        self.messages[sid] = {
            "sid": sid, "account_sid": self.account_sid, "to": form["To"], "from": form.get("From"), "body": body,
            "messaging_service_sid": form.get("MessagingServiceSid"), "status": "queued", "direction": "outbound-api",
            "num_segments": str(len(body) // 153 + 1), "price": self.price, "price_unit": "USD", "error_code": None,
            "error_message": None, "date_created": self._date(self.now()), "date_sent": None,
        }  # fmt: skip
        self.callbacks[sid] = form.get("StatusCallback", "")
        reference = parse_qs(urlsplit(self.callbacks[sid]).query).get("ref", [""])[0]
        self.note(
            {"id": sid, "to": form["To"], "from": form.get("From"), "body": body, "reference": reference}
        )
        return Reply(201, self.messages[sid])

    def _list(self, call: Call) -> Reply:
        rows = [
            row for row in reversed(self.messages.values()) if row["to"] == call.query.get("To", row["to"])
        ]
        size = int(call.query.get("PageSize", "50"))
        more = f"{call.path}?Page=1" if len(rows) > size else None
        return Reply(200, {"messages": rows[:size], "next_page_uri": more, "page": 0, "page_size": size})

    def reply(self, from_: str, to: str, body: str, **more: Any) -> tuple[int, bytes]:
        """Post a text to the number's address, signed; STOP and START block and free first, as at Twilio."""
        sid = f"SM{uuid.uuid4().hex}"
        fields = {
            "MessageSid": sid, "SmsSid": sid, "SmsMessageSid": sid, "AccountSid": self.account_sid, "From": from_,
            "To": to, "Body": body, "NumMedia": "0", "NumSegments": "1", "SmsStatus": "received",
            "ApiVersion": "2010-04-01", "FromCountry": "AU", "FromCity": "", **more,
        }  # fmt: skip
        word = body.strip().upper()
        if word in STOP:
            self.opted_out.add(from_)
        elif word in START:
            self.opted_out.discard(from_)
        if self.advanced_opt_out and word in STOP | {"START", "UNSTOP", "HELP"}:
            fields["OptOutType"] = "STOP" if word in STOP else "HELP" if word == "HELP" else "START"
        return self._post(self.sms_url, fields)

    def report(self, message_id: str, status: str, *, error: str = "", **more: Any) -> tuple[int, bytes]:
        """Post a status to where the text's sender asked for it, signed."""
        row = self.messages[message_id]
        row["status"], row["error_code"] = status, int(error) if error else None
        fields = {
            "MessageSid": message_id, "SmsSid": message_id, "MessageStatus": status, "SmsStatus": status,
            "To": row["to"], "From": row["from"] or "", "AccountSid": self.account_sid, "ApiVersion": "2010-04-01",
            **({"ErrorCode": error} if error else {}), **more,
        }  # fmt: skip
        return self._post(self.callbacks[message_id], fields)

    def post_json(self, url: str, fields: dict[str, Any]) -> tuple[int, bytes]:
        """Post a webhook as JSON: the address then carries the body's hash, and the signature covers the address."""
        body = json.dumps(fields).encode()
        url = f"{url}{'&' if '?' in url else '?'}bodySHA256={hashlib.sha256(body).hexdigest()}"
        signed = {
            "X-Twilio-Signature": signature(url, {}, self.auth_token),
            "Content-Type": "application/json",
        }
        return self.deliver(url, body, signed)

    def _post(self, url: str, fields: dict[str, str]) -> tuple[int, bytes]:
        headers = {
            "X-Twilio-Signature": signature(url, fields, self.auth_token),
            "Content-Type": "application/x-www-form-urlencoded",
            "User-Agent": "TwilioProxy/1.1",
        }
        return self.deliver(url, urlencode(fields).encode(), headers)

    @staticmethod
    def _date(at: datetime) -> str:
        return format_datetime(at)


def main() -> None:
    serve(FakeTwilio, __doc__, account_sid="AC" + "a" * 32, auth_token="twilio-token", sms_url="")


if __name__ == "__main__":
    main()
