"""The big tables, written by the database itself: INSERT … SELECT over a series.

A column that is not named gets its field's default, so that a model may grow without this file hearing of it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.apps import apps
from django.db import connections, models
from psycopg.types.json import Jsonb

from automation.models import Rule
from benchmarks.event_rows import EVENTS
from bookings.models import Practitioner, Service
from contacts.models import Contact
from messaging.models import Template

#: Somebody among those who had come by then: the first came most, and are spoken of most.
_SOMEBODY = "%(first)s + floor(%(contacts)s * power(random(), 1.7))::bigint"
_WORDS = """(ARRAY['Hi, your visit is tomorrow at 10:20. Reply YES to confirm.', 'Yes, see you then',
  'Can I move to Friday?', 'Do I need to fast before the scan?', 'Thanks for coming in. How was it?',
  'It is time for your yearly skin check.',
  'Running ten minutes late, sorry', 'Your results are with your doctor.'])[1 + floor(random() * 8)::int]"""


class Writer:
    """Writes for so many contacts, whose ids follow one another; the cursor is a superuser's."""

    def __init__(self, cursor: Any, *, at: datetime, contacts: int) -> None:
        self.cursor = cursor
        self.contacts = contacts
        self.values: dict[str, Any] = {
            "at": at,
            "contacts": contacts,
            "first": Contact.objects.order_by("pk").values_list("pk", flat=True)[0],
            "days": max(20, 730 * contacts // 100_000),
            "words": None,
        }

    def write(self) -> None:
        self.cursor.execute("SELECT setseed(0.5)")
        # Foreign keys hold by the way the rows are made; checking millions of them takes minutes.
        self.cursor.execute("SET session_replication_role = replica")
        self._touchpoints()
        self._bookings()
        self._tasks()
        self._conversations()
        self._messages()
        self._events()
        self._receipts()
        self._runs()
        self._of_contacts()

    def insert(self, label: str, rows: str, /, **columns: str) -> None:
        """Rows of this model from a FROM clause; `columns` gives SQL for each column that is not at its default."""
        model = apps.get_model(label)
        values = dict(self.values)
        expressions: dict[str, str] = {}
        for field in model._meta.concrete_fields:
            of_database = field.has_db_default() and not field.has_default()
            if isinstance(field, models.AutoField) or (of_database and field.column not in columns):
                continue
            expressions[field.column] = columns.pop(field.column, None) or self._default(field, values)
        if columns:
            raise LookupError(f"{label} has no columns {sorted(columns)}.")
        names = ", ".join(f'"{name}"' for name in expressions)
        wanted = ", ".join(expressions.values())
        self.cursor.execute(
            f"INSERT INTO {model._meta.db_table} ({names}) SELECT {wanted} FROM {rows}", values
        )

    def _default(self, field: Any, values: dict[str, Any]) -> str:
        if isinstance(field, models.UUIDField):
            return "gen_random_uuid()"
        value = field.get_default()
        if value is None and not field.null:
            raise LookupError(f"{field.model._meta.label}.{field.column} has no default: give it one here.")
        if isinstance(field, models.JSONField):
            value = Jsonb(value) if value is not None else None
        values[f"default_{field.column}"] = value
        return f"%(default_{field.column})s::{field.db_type(connections['owner'])}"

    def _somebody(self, count: int, more: str = "") -> str:
        """`count` lines g, each with a contact c and a chance r of its own."""
        return (
            f"(SELECT g, {_SOMEBODY} AS cid, random() AS r, random() AS q {more} "
            f"FROM generate_series(1, {count}) g) s JOIN contacts_contact c ON c.id = s.cid"
        )

    # -- tables

    def _touchpoints(self) -> None:
        self.insert(
            "contacts.Touchpoint",
            self._somebody(self.contacts * 10),
            location_id="c.location_id",
            contact_id="c.id",
            at="c.created_at + (%(at)s - c.created_at) * s.r",
            created_at="c.created_at + (%(at)s - c.created_at) * s.r",
            type="(ARRAY['sms_sent','sms_sent','sms_delivered','sms_received','booking_created','booking_confirmed',"
            "'call_attempted','call_connected','appointment_attended','email_sent','form_submit','ad_click',"
            "'lead_created','appointment_no_show','review_requested'])[1 + floor(s.q * 15)::int]",
            source="c.source",
            cause_kind="'system'",
            cause_id="'bench'",
        )

    def _bookings(self) -> None:
        """A day's slots of every practitioner, so that nobody is in two places, over two years and the weeks ahead."""
        from benchmarks.filling import AHEAD, PRACTITIONERS, SHARES, SLOT_MINUTES, SLOTS

        a_day = 205
        days = int(self.values["days"])
        offsets, before, per_day = [], 0, {}
        for code, share in SHARES.items():
            per_day[code] = min(PRACTITIONERS * SLOTS, a_day * share // 20)
        for code, share in SHARES.items():
            offsets.append((code, share, before, per_day[code]))
            before += share
        source = " UNION ALL ".join(
            f"SELECT '{code}' AS code, d, k, {offset} + floor(random() * {share})::int AS place, random() AS r, "
            f"random() AS q, random() AS t FROM generate_series(0, {days} - 1) d, generate_series(0, {count} - 1) k"
            for code, share, offset, count in offsets
        )
        practitioners = {
            code: list(Practitioner.objects.filter(location__code=code).values_list("pk", flat=True))[
                :PRACTITIONERS
            ]
            for code in SHARES
        }
        services = {
            code: list(Service.objects.filter(location__code=code).values_list("pk", flat=True))
            for code in SHARES
        }
        self.values |= {f"pr_{code}": ids for code, ids in practitioners.items()}
        self.values |= {f"sv_{code}": ids for code, ids in services.items()}
        choice = (
            "CASE b.code "
            + " ".join(f"WHEN '{code}' THEN %({{0}}_{code})s::bigint[]" for code in SHARES)
            + " END"
        )
        ahead = int(days * AHEAD)
        start = (
            "((((%(at)s AT TIME ZONE l.time_zone)::date + (b.d - "
            f"{days - ahead}))::timestamp + interval '7 hours 30 minutes' "
            f"+ (b.k / {PRACTITIONERS}) * interval '{SLOT_MINUTES} minutes') AT TIME ZONE l.time_zone)"
        )
        past = f"{start} < %(at)s - interval '2 hours'"
        twenties = max(1, self.contacts // 20)
        self.insert(
            "bookings.Booking",
            f"({source}) b JOIN accounts_location l ON l.code = b.code JOIN contacts_contact c ON c.id = %(first)s "
            f"+ 20 * floor({twenties} * power(b.t, 0.8) * greatest(0.1, b.d::float / {days}))::bigint + b.place",
            location_id="l.id",
            contact_id="c.id",
            created_at=f"{start} - interval '1 day' * (1 + floor(b.r * 40))",
            became_live_at=f"{start} - interval '1 day' * (1 + floor(b.r * 40))",
            source="CASE WHEN b.q < 0.7 THEN 'wix' ELSE 'manual' END",
            external_id="CASE WHEN b.q < 0.7 THEN 'bench-' || b.code || '-' || b.d || '-' || b.k ELSE '' END",
            appointment_datetime=start,
            ends_at=f"{start} + interval '30 minutes'",
            service_id=f"({choice.format('sv')})[1 + floor(b.q * {len(services['sydney'])})::int]",
            service_type="(ARRAY['routine','procedure','follow_up'])[1 + floor(b.q * 3)::int]",
            urgency_level="(ARRAY['low','medium','high'])[1 + floor(b.r * 3)::int]",
            practitioner_id=f"({choice.format('pr')})[1 + b.k %% {PRACTITIONERS}]",
            status="CASE WHEN b.r < 0.06 THEN 'cancelled' WHEN b.r < 0.5 THEN 'confirmed' "
            "WHEN b.r < 0.57 THEN 'rescheduled' ELSE 'scheduled' END",
            cancelled_at=f"CASE WHEN b.r < 0.06 THEN least(%(at)s, {start} - interval '5 hours') END",
            outcome=f"CASE WHEN b.r >= 0.06 AND {past} THEN CASE WHEN b.q < 0.92 THEN 'attended' WHEN b.q < 0.995 "
            f"OR {start} < %(at)s - interval '3 days' THEN 'no_show' ELSE 'none' END ELSE 'none' END",
            outcome_at=f"CASE WHEN b.r >= 0.06 AND {past} AND b.q < 0.92 THEN {start} + interval '40 minutes' END",
            arrived_at=f"CASE WHEN b.r >= 0.06 AND {past} AND b.q < 0.92 THEN {start} - interval '5 minutes' END",
            price_cents="18000",
            first_touch_attribution="jsonb_build_object('source', c.source)",
        )

    def _tasks(self) -> None:
        """Two for each contact, three in two hundred open, and of those one for each person."""
        done = self.contacts * 2
        common = {"location_id": "c.location_id", "contact_id": "c.id", "warmness": "c.warmness_score"}
        common |= {
            "cause_kind": "'system'",
            "cause_id": "'bench'",
            "urgency": "(ARRAY['low','medium','high'])[1 + floor(s.q * 3)::int]",
        }
        kind = (
            "(ARRAY['call','call_hot_lead','welcome_call','sms_followup','rescue_call','recall_call','review_request',"
            "'confirmation_call','reply_needed','record_outcome','no_show_followup'])[1 + floor(s.q * 11)::int]"
        )
        when = "c.created_at + (%(at)s - c.created_at) * s.r"
        self.insert(
            "tasks.Task", self._somebody(done), **common, type=kind, due_datetime=when, created_at=when,
            status="CASE WHEN s.q < 0.9 THEN 'completed' ELSE 'cancelled' END", completed_at=when,
            closed_reason="CASE WHEN s.q < 0.9 THEN '' ELSE 'booking_cancelled' END",
            outcome="CASE WHEN s.q >= 0.9 THEN '' WHEN s.r < 0.5 THEN 'connected' ELSE 'success' END",
            assigned_to_id="c.owner_id",
        )  # fmt: skip
        still = max(30, self.contacts * 3 // 100)
        source = (
            f"(SELECT g, %(first)s + (g * 31) %% %(contacts)s AS cid, random() AS r, random() AS q "
            f"FROM generate_series(1, {still}) g) s JOIN contacts_contact c ON c.id = s.cid"
        )
        self.insert(
            "tasks.Task", source, **common, type=kind, status="CASE WHEN s.r < 0.1 THEN 'in_progress' ELSE 'todo' END",
            due_datetime="%(at)s + interval '1 hour' * (floor(s.r * 200) - 120)",
            created_at="%(at)s - interval '1 hour' * floor(s.q * 300)", assigned_to_id="c.owner_id",
        )  # fmt: skip

    def _conversations(self) -> None:
        self.insert(
            "messaging.Conversation",
            "contacts_contact c WHERE c.id %% 5 < 3",
            location_id="c.location_id",
            contact_id="c.id",
            created_at="c.created_at",
            state="CASE WHEN c.id %% 50 < 1 THEN 'open' ELSE 'closed' END",
            last_message_at="c.last_touchpoint_at",
            last_inbound_at="CASE WHEN c.id %% 3 = 0 THEN c.last_touchpoint_at END",
            seen_at="CASE WHEN c.id %% 50 < 1 THEN NULL ELSE %(at)s END",
        )
        self.cursor.execute("ANALYZE messaging_conversation")

    def _messages(self) -> None:
        templates = list(
            Template.objects.filter(location__code="sydney", channel="sms").values_list("pk", flat=True)
        )
        self.values["templates"] = templates
        source = (
            "(SELECT g, min_id + floor(size * power(random(), 1.7))::bigint AS cid, random() AS r, random() AS q "
            f"FROM generate_series(1, {self.contacts * 6}) g, "
            "(SELECT min(id) AS min_id, count(*) AS size FROM messaging_conversation) v) s "
            "JOIN messaging_conversation k ON k.id = s.cid JOIN contacts_contact c ON c.id = k.contact_id"
        )
        when = "c.created_at + (%(at)s - c.created_at) * s.r"
        mine = "s.q < 0.3"
        self.insert(
            "messaging.Message", source, location_id="k.location_id", contact_id="c.id", conversation_id="k.id",
            created_at=when, address="c.phone", body=_WORDS,
            direction=f"CASE WHEN {mine} THEN 'inbound' ELSE 'outbound' END",
            status=f"CASE WHEN {mine} THEN 'received' WHEN s.q < 0.9 THEN 'delivered' WHEN s.q < 0.97 THEN 'sent' "
            "WHEN s.q < 0.985 THEN 'suppressed' ELSE 'failed' END",
            intent=f"CASE WHEN {mine} THEN (ARRAY['confirm','question','thanks','other'])"
            "[1 + floor(s.r * 4)::int] ELSE '' END",
            reason="CASE WHEN s.q < 0.97 THEN '' WHEN s.q < 0.985 THEN 'opted_out' ELSE 'invalid_number' END",
            received_at=f"CASE WHEN {mine} THEN {when} END",
            send_at=f"CASE WHEN NOT {mine} THEN {when} END",
            sent_at=f"CASE WHEN s.q >= 0.3 AND s.q < 0.97 THEN {when} END",
            template_id="CASE WHEN s.q >= 0.3 THEN (%(templates)s::bigint[])"
            f"[1 + floor(s.r * {len(templates)})::int] END",
            category=f"CASE WHEN {mine} THEN 'reply' ELSE 'reminder' END", segments="1",
            cost_cents=f"CASE WHEN {mine} THEN 0 ELSE 8 END", cause_kind="'system'", cause_id="'bench'",
        )  # fmt: skip
        self.insert(
            "messaging.Message",
            "bookings_booking b JOIN messaging_conversation k ON k.contact_id = b.contact_id AND k.channel = 'sms' "
            "JOIN contacts_contact c ON c.id = b.contact_id "
            "WHERE b.appointment_datetime > %(at)s AND b.status <> 'cancelled'",
            location_id="k.location_id", contact_id="c.id", conversation_id="k.id", booking_id="b.id",
            address="c.phone", body=_WORDS, status="'scheduled'", visit_at="b.appointment_datetime",
            send_at="greatest(%(at)s + interval '5 minutes', b.appointment_datetime - interval '1 day')",
            category="'reminder'", segments="1", cause_kind="'rule'", cause_id="'1'",
        )  # fmt: skip

    def _events(self) -> None:
        """The log in the order in which things happened, and the work that some of it made."""
        told = " UNION ALL ".join(each.select() for each in EVENTS)
        columns = "type, location_id, contact_id, booking_id, at, data"
        self.insert(
            "core.Event",
            f"(SELECT * FROM ({told}) t({columns}) WHERE at <= %(at)s ORDER BY at) e",
            **{name: f"e.{name}" for name in ("type", "location_id", "contact_id", "booking_id", "data")},
            occurred_at="e.at", recorded_at="e.at", cause_kind="'system'", cause_id="'bench'",
        )  # fmt: skip
        ago = "%(at)s - interval '1 minute' * g"
        self.insert(
            "core.Work", f"generate_series(1, {self.contacts}) g", handler="'automation.run_rules'",
            subject="'contact:' || g", due_at=ago, created_at=ago, finished_at=ago, state="'done'",
        )  # fmt: skip

    def _receipts(self) -> None:
        """What Wix told of each visit; bodies older than 90 days are gone, and of the others nobody asks here."""
        self.insert(
            "integrations.Receipt",
            "bookings_booking b JOIN integrations_provideraccount a ON a.location_id = b.location_id "
            "AND a.provider = 'wix' WHERE b.external_id <> '' AND b.created_at <= %(at)s ORDER BY b.created_at",
            location_id="b.location_id", account_id="a.id", kind="'booking'", external_id="b.external_id || ':1'",
            subject="b.external_id", created_at="b.created_at", applied_at="b.created_at",
            state="CASE WHEN b.id %% 5000 = 0 THEN 'parked' ELSE 'applied' END",
        )  # fmt: skip

    def _runs(self) -> None:
        """Three runs for each contact, every sixth with the facts it saw, each with a step that was done."""
        facts = {
            "contact": {"name": "Nora", "stage": "booked", "warmness": 55},
            "booking": {"hours_ahead": 26.5},
        }
        self.values["facts"] = Jsonb(facts | {f"fact_{n}": n for n in range(40)})
        self.insert(
            "automation.FactSnapshot",
            f"generate_series(1, {self.contacts // 2}) g",
            event_id="g",
            values="%(facts)s::jsonb",
            at="%(at)s - interval '5 minutes' * g",
        )
        rules = Rule.objects.values_list("location_id", "pk", "current_id")
        self.values |= {
            "rule_places": [row[0] for row in rules],
            "rule_ids": [row[1] for row in rules],
            "versions": [row[2] for row in rules],
        }
        source = (
            f"{self._somebody(self.contacts * 3)} "
            "JOIN (SELECT place, array_agg(rule) AS rules, array_agg(version) AS versions, count(*) AS n FROM "
            "unnest(%(rule_places)s::bigint[], %(rule_ids)s::bigint[], %(versions)s::bigint[]) "
            "AS v(place, rule, version) GROUP BY place) u ON u.place = c.location_id"
        )
        one = "1 + floor(s.q * u.n)::int"
        when = "c.created_at + (%(at)s - c.created_at) * s.r"
        self.insert(
            "automation.RuleRun", source, location_id="c.location_id", rule_id=f"u.rules[{one}]",
            version_id=f"u.versions[{one}]", anchor="'event:' || s.g", contact_id="c.id", event_id="s.g",
            facts_id="CASE WHEN s.g %% 6 = 0 THEN (SELECT min(id) FROM automation_factsnapshot) + s.g / 6 END",
            state="CASE WHEN s.r < 0.6 THEN 'done' WHEN s.r < 0.98 THEN 'not_matched' ELSE 'stopped' END",
            reason="'contact.stage is booked'", created_at=when, finished_at=when,
        )  # fmt: skip
        self.insert(
            "automation.ActionRun", "automation_rulerun r WHERE r.state = 'done'", run_id="r.id", step="0",
            type="'create_task'", state="'done'", run_at="r.created_at", created_at="r.created_at",
        )  # fmt: skip

    def _of_contacts(self) -> None:
        """Consent, moves, scores: what stands beside each person."""
        when = "c.created_at + (%(at)s - c.created_at) * s.r"
        caused = {
            "cause_kind": "'system'",
            "cause_id": "'bench'",
            "location_id": "c.location_id",
            "contact_id": "c.id",
        }
        self.insert(
            "contacts.Consent",
            "contacts_contact c, unnest(ARRAY['service','care','marketing']) AS p(purpose) WHERE c.phone <> ''",
            **caused, address="c.phone", channel="'sms'", purpose="p.purpose", basis="'enquiry'", at="c.created_at",
            state="CASE WHEN c.id %% 40 = 0 THEN 'withdrawn' WHEN p.purpose = 'service' THEN 'implied' "
            "ELSE 'granted' END",
        )  # fmt: skip
        self.insert(
            "contacts.StageChange", self._somebody(self.contacts * 4), **caused, from_pipeline="'lead_to_booking'",
            from_stage="'new_lead'", to_pipeline="'lead_to_booking'", to_stage="'contacted'", at=when,
        )  # fmt: skip
        self.insert(
            "contacts.WarmnessHistory", self._somebody(self.contacts * 3), location_id="c.location_id",
            contact_id="c.id", score="floor(s.q * 100)::int", at=when,
        )  # fmt: skip
        self.insert(
            "contacts.WarmnessDelta",
            self._somebody(self.contacts // 5),
            **caused,
            delta="5",
            reason="'bench'",
            at=when,
        )
        self.insert(
            "core.AuditEntry", f"generate_series(1, {self.contacts * 2}) g", at="%(at)s - interval '5 minutes' * g",
            method="'GET'", route="'admin/contacts/contact/'", status="200", duration_ms="40",
            request_hash="''", location_id="1 + g %% 3",
        )  # fmt: skip
