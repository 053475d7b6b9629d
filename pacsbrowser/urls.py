"""The mounts: what answers below which path."""

from django.urls import include, path, re_path

from pacsbrowser.dicomweb.resource import resource
from pacsbrowser.dicomweb.uri import wado

urlpatterns = [
    path("dicom-web/", include("pacsbrowser.dicomweb.urls")),
    re_path("^wado/?$", resource(GET=wado), name="wado"),
    path("", include("pacsbrowser.pages.urls")),
]

handler400 = "pacsbrowser.pages.problems.bad_request"
handler403 = "pacsbrowser.pages.problems.permission_denied"
handler404 = "pacsbrowser.pages.problems.page_not_found"
handler500 = "pacsbrowser.pages.problems.server_error"
