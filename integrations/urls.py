"""Public addresses that providers call; included at the root."""

from __future__ import annotations

from django.urls import path

from integrations import views

app_name = "integrations"

urlpatterns = [
    path("webhooks/wix/bookings", views.wix_bookings, name="wix_bookings"),
    path("webhooks/wix/bookings/<str:token>", views.wix_bookings, name="wix_bookings_token"),
    path("webhooks/sms/inbound/<str:token>", views.sms_inbound, name="sms_inbound"),
    path("webhooks/sms/incoming/<str:token>", views.sms_inbound, name="sms_incoming"),
    path("webhooks/sms/receipt/<str:token>", views.sms_receipt, name="sms_receipt"),
]
