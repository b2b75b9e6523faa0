"""The closed sets of words a contact and its rows are described with."""

from __future__ import annotations

from django.db.models import TextChoices


class Source(TextChoices):
    """Where a contact came from."""

    REFERRAL = "referral", "Referral"
    MANYCHAT = "manychat", "ManyChat"
    MANYCHAT_COMPLETED = "manychat_completed", "ManyChat, flow completed"
    META_FORM = "meta_form", "Facebook or Instagram form"
    META_ADS = "meta_ads", "Facebook or Instagram ad"
    GOOGLE_ADS = "google_ads", "Google ad"
    ORGANIC_SEARCH = "organic_search", "Search engine"
    WORD_OF_MOUTH = "word_of_mouth", "Word of mouth"
    EXISTING_PATIENT = "existing_patient", "Existing patient"
    WALK_IN = "walk_in", "Walk-in"
    WIX = "wix", "Wix booking"
    WEB_FORM = "web_form", "Website form"
    WEB_CHAT = "web_chat", "Website chat"
    PHONE = "phone", "Phone call"
    SMS = "sms", "Text message"
    INSTAGRAM = "instagram", "Instagram"
    EMAIL = "email", "E-mail"
    IMPORT = "import", "Import"
    OTHER = "other", "Other"


class Intent(TextChoices):
    """What a contact wants. Only `public_label` may stand in a text message: it holds no health detail."""

    PROCEDURE = "procedure", "Procedure"
    HIGH_RISK = "high_risk", "High-risk check"
    FOLLOW_UP = "follow_up", "Follow-up"
    ROUTINE_CHECK = "routine_check", "Routine check"
    GENERAL_INQUIRY = "general_inquiry", "General enquiry"

    @property
    def public_label(self) -> str:
        return PUBLIC_LABELS[self]


PUBLIC_LABELS: dict[Intent, str] = {
    Intent.PROCEDURE: "appointment",
    Intent.HIGH_RISK: "appointment",
    Intent.FOLLOW_UP: "follow-up",
    Intent.ROUTINE_CHECK: "check-up",
    Intent.GENERAL_INQUIRY: "enquiry",
}


class Channel(TextChoices):
    """How a contact is reached."""

    SMS = "sms", "Text message"
    MMS = "mms", "Picture message"
    EMAIL = "email", "E-mail"
    PHONE = "phone", "Phone call"
    INSTAGRAM = "instagram", "Instagram"
    WEB_CHAT = "webchat", "Website chat"


class Purpose(TextChoices):
    """What a message is for."""

    SERVICE = "service", "About a visit or enquiry"
    CARE = "care", "Recall and follow-up"
    MARKETING = "marketing", "Reviews, referrals, campaigns"


class ConsentState(TextChoices):
    """What the holder of an address said about a purpose."""

    GRANTED = "granted", "Granted"
    IMPLIED = "implied", "Implied"
    NONE = "none", "Not given"
    WITHDRAWN = "withdrawn", "Withdrawn"


class TouchpointType(TextChoices):
    """Everything that can happen between the clinic and a contact."""

    LEAD_CREATED = "lead_created", "Became a lead"
    AD_CLICK = "ad_click", "Clicked an ad"
    LANDING_PAGE_VISIT = "landing_page_visit", "Visited a landing page"
    FORM_SUBMIT = "form_submit", "Sent a form"
    RESOURCE_DOWNLOAD = "resource_download", "Downloaded a resource"
    BOOKING_LINK_CLICK = "booking_link_click", "Opened the booking link"
    MANYCHAT_SUBSCRIBE = "manychat_subscribe", "Subscribed in ManyChat"
    MANYCHAT_FLOW_COMPLETE = "manychat_flow_complete", "Completed a ManyChat flow"
    MANYCHAT_BUTTON_CLICK = "manychat_button_click", "Clicked a ManyChat button"
    MANYCHAT_INTERACTION = "manychat_interaction", "Wrote in ManyChat"
    SMS_SENT = "sms_sent", "Text sent"
    SMS_RECEIVED = "sms_received", "Text received"
    SMS_DELIVERED = "sms_delivered", "Text delivered"
    SMS_FAILED = "sms_failed", "Text failed"
    SMS_REPLY_1HR = "sms_reply_1hr", "Answered a text within an hour"
    SMS_REPLY_24HR = "sms_reply_24hr", "Answered a text within a day"
    EMAIL_SENT = "email_sent", "E-mail sent"
    EMAIL_OPENED = "email_opened", "Opened an e-mail"
    EMAIL_CLICKED = "email_clicked", "Clicked in an e-mail"
    EMAIL_BOUNCED = "email_bounced", "E-mail bounced"
    CALL_ATTEMPTED = "call_attempted", "Call attempted"
    CALL_CONNECTED = "call_connected", "Call connected"
    CALL_VOICEMAIL = "call_voicemail", "Left a voicemail"
    CALL_MISSED = "call_missed", "Missed call"
    BOOKING_CREATED = "booking_created", "Visit booked"
    BOOKING_CONFIRMED = "booking_confirmed", "Visit confirmed"
    BOOKING_CONFIRMED_REPLY = "booking_confirmed_reply", "Confirmed the visit by reply"
    BOOKING_CANCELLED = "booking_cancelled", "Visit cancelled"
    BOOKING_RESCHEDULED = "booking_rescheduled", "Visit rescheduled"
    APPOINTMENT_ATTENDED = "appointment_attended", "Attended the visit"
    APPOINTMENT_NO_SHOW = "appointment_no_show", "Did not attend"
    REVIEW_REQUESTED = "review_requested", "Review requested"
    REVIEW_RECEIVED = "review_received", "Review received"
    REFERRAL_INVITED = "referral_invited", "Invited to refer a friend"
    PAYMENT_RECEIVED = "payment_received", "Payment received"


T = TouchpointType

#: What the contact did, as against what the clinic did.
INBOUND: frozenset[str] = frozenset({
    T.AD_CLICK, T.LANDING_PAGE_VISIT, T.FORM_SUBMIT, T.RESOURCE_DOWNLOAD, T.BOOKING_LINK_CLICK,
    T.MANYCHAT_SUBSCRIBE, T.MANYCHAT_FLOW_COMPLETE, T.MANYCHAT_BUTTON_CLICK, T.MANYCHAT_INTERACTION,
    T.SMS_RECEIVED, T.SMS_REPLY_1HR, T.SMS_REPLY_24HR, T.EMAIL_OPENED, T.EMAIL_CLICKED, T.CALL_CONNECTED,
    T.CALL_MISSED, T.BOOKING_CONFIRMED_REPLY, T.REVIEW_RECEIVED, T.PAYMENT_RECEIVED,
})  # fmt: skip

#: What asks the contact for an answer: the silence after it is "no reply".
OUTBOUND: frozenset[str] = frozenset({
    T.SMS_SENT, T.EMAIL_SENT, T.CALL_ATTEMPTED, T.CALL_VOICEMAIL, T.REVIEW_REQUESTED, T.REFERRAL_INVITED,
})  # fmt: skip

LABELS: dict[str, str] = dict(TouchpointType.choices)

CLICK_IDS = ("gclid", "gbraid", "wbraid", "fbclid", "msclkid", "ttclid")

#: What a touch keeps of a touchpoint besides click ids and utm values.
TRACES = (
    "campaign", "campaign_id", "adset_id", "adset_name", "ad_id", "ad_name", "form_id", "platform", "referrer",
    "landing_page",
)  # fmt: skip
