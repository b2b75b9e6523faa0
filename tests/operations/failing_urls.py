"""An address whose view fails and quotes what it was given."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path


def fail(request: HttpRequest) -> HttpResponse:
    name = request.headers["X-Name"]
    raise ValueError(f"{name} {request.POST['phone']} {request.GET['email']}")


urlpatterns = [path("fail/", fail)]
