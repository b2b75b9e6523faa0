"""Public addresses that providers call; included at the root."""

from __future__ import annotations

from django.urls import path

from integrations import lead_doors, sms_doors, wix_doors

app_name = "integrations"

urlpatterns = [
    path("webhooks/wix/bookings", wix_doors.wix_bookings, name="wix_bookings"),
    path("webhooks/wix/bookings/<str:token>", wix_doors.wix_bookings, name="wix_bookings_token"),
    path("webhooks/sms/inbound/<str:token>", sms_doors.sms_inbound, name="sms_inbound"),
    path("webhooks/sms/incoming/<str:token>", sms_doors.sms_inbound, name="sms_incoming"),
    path("webhooks/sms/receipt/<str:token>", sms_doors.sms_receipt, name="sms_receipt"),
    path("webhooks/sms/callback/<str:token>", sms_doors.sms_callback, name="sms_callback"),
    path("webhooks/sms/opt-out/<str:token>", sms_doors.sms_opt_out, name="sms_opt_out"),
    path("webhooks/twilio/sms", sms_doors.twilio_sms, name="twilio_sms"),
    path("webhooks/twilio/status", sms_doors.twilio_status, name="twilio_status"),
    path("webhooks/manychat", lead_doors.manychat, name="manychat"),
    path("webhooks/manychat/<str:token>", lead_doors.manychat, name="manychat_token"),
    path("webhooks/meta/leads", lead_doors.meta_leads, name="meta_leads"),
    path("webhooks/meta/leads/<str:token>", lead_doors.meta_leads, name="meta_leads_token"),
    path("webhooks/forms/<str:token>", lead_doors.web_form, name="web_form"),
]
