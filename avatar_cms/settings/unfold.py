"""The staff admin's looks and its way round."""

from __future__ import annotations

from typing import Any

from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils.functional import lazy


def _link(name: str) -> Any:
    """The address of an admin page; the start page while no app offers that page."""

    def resolve() -> str:
        try:
            return reverse(name)
        except NoReverseMatch:
            return reverse("admin:index")

    return lazy(resolve, str)()


def _item(title: str, icon: str, name: str, resource: str) -> dict[str, Any]:
    return {
        "title": title,
        "icon": icon,
        "link": _link(name),
        "permission": f"avatar_cms.admin_site.may_see_{resource}",
    }


def _model(title: str, icon: str, model: str, resource: str) -> dict[str, Any]:
    return _item(title, icon, f"admin:{model}_changelist", resource)


NAVIGATION = [
    {
        "title": "Desk",
        "items": [
            _item("Today", "today", "admin:index", "tasks"),
            _model("Contacts", "group", "contacts_contact", "contacts"),
            _item("Calendar", "calendar_month", "admin:bookings_calendar", "bookings"),
            _item("Board", "view_kanban", "admin:contacts_board", "contacts"),
            _model("Bookings", "event_note", "bookings_booking", "bookings"),
            _model("Tasks", "checklist", "tasks_task", "tasks"),
            _item("Attended", "event_available", "admin:reporting_attended", "reports"),
            _item("Recalls", "event_repeat", "admin:automation_recall", "contacts"),
            {
                **_item("Inbox", "forum", "admin:messaging_inbox", "messages"),
                "badge": "messaging.inbox.badge",
            },
            _model("Messages", "sms", "messaging_message", "messages"),
            _model("Texts to many", "campaign", "messaging_bulksend", "messages"),
            _item("What was done", "undo", "admin:accounts_actions", "tasks"),
            _item("Phone (demo)", "smartphone", "admin:messaging_phone", "messages"),
        ],
    },
    {
        "title": "Automation",
        "separator": True,
        "items": [
            _model("Templates", "draft", "messaging_template", "settings"),
            _model("Segments", "groups", "automation_savedsegment", "settings"),
            _item("Rules", "account_tree", "admin:automation_rules", "settings"),
            _model("Runs", "play_circle", "automation_rulerun", "settings"),
            _model("Held storms", "thunderstorm", "messaging_storm", "messages"),
            _model("Undeliverable numbers", "phone_disabled", "messaging_blockednumber", "messages"),
            _model("Events", "history", "core_event", "settings"),
            _model("Work", "engineering", "core_work", "settings"),
            _model("Deliveries", "inbox", "integrations_receipt", "settings"),
            _model("Calls to others", "outbox", "integrations_outboundcall", "settings"),
        ],
    },
    {
        "title": "Clinic",
        "separator": True,
        "items": [
            _item("Operations", "monitor_heart", "admin:operations", "settings"),
            _item("Set-up", "rule_settings", "admin:accounts_setup", "settings"),
            _model("Services", "medical_services", "bookings_service", "settings"),
            _model("Practitioners", "stethoscope", "bookings_practitioner", "settings"),
            _model("Rooms", "meeting_room", "bookings_room", "settings"),
            _item("Scoring", "speed", "admin:contacts_scoring", "settings"),
            _model("Locations", "location_on", "accounts_location", "settings"),
            _model("Providers", "hub", "integrations_provideraccount", "settings"),
            _model("Task assignment", "assignment_ind", "tasks_assignmentpolicy", "settings"),
            _model("Senders", "sim_card", "integrations_senderidentity", "settings"),
            _model("Users", "badge", "accounts_user", "users"),
            _model("Audit", "policy", "core_auditentry", "audit"),
        ],
    },
]

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Avatar Imaging",
    "SITE_HEADER": "Avatar Imaging",
    "SITE_SUBHEADER": "avatar_cms.admin_site.subheader",
    "SITE_SYMBOL": "radiology",
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda request: static("avatar_cms/favicon.svg"),
        },
    ],
    "STYLES": [lambda request: static("avatar_cms/desk.css")],
    "SCRIPTS": [
        lambda request: static("avatar_cms/desk.js"),
        lambda request: static("avatar_cms/palette.js"),
    ],
    "SITE_URL": None,
    "SITE_DROPDOWN": None,
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "ENVIRONMENT": "avatar_cms.admin_site.environment",
    "BORDER_RADIUS": "8px",
    "COLORS": {
        "primary": {
            "50": "oklch(98.4% .014 180.72)",
            "100": "oklch(95.3% .051 180.801)",
            "200": "oklch(91% .096 180.426)",
            "300": "oklch(85.5% .138 181.071)",
            "400": "oklch(77.7% .152 181.912)",
            "500": "oklch(70.4% .14 182.503)",
            "600": "oklch(53% .105 184.704)",
            "700": "oklch(47% .09 186.391)",
            "800": "oklch(41% .075 188.216)",
            "900": "oklch(36% .06 188.416)",
            "950": "oklch(27.7% .046 192.524)",
        },
    },
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": NAVIGATION,
    },
}
