"""The mounts: what answers below which path."""

from django.urls import include, path, re_path

from pacsbrowser.dicomweb.capabilities import retrieve_capabilities, show_capabilities
from pacsbrowser.dicomweb.resource import resource
from pacsbrowser.dicomweb.uri import wado

urlpatterns = [
    path("dicom-web/", include("pacsbrowser.dicomweb.urls")),
    # some clients ask for the base address without its slash, and no redirect is followed for OPTIONS
    path("dicom-web", resource(GET=show_capabilities, OPTIONS=retrieve_capabilities)),
    re_path("^wado/?$", resource(GET=wado), name="wado"),
    path("", include("pacsbrowser.pages.urls")),
]

handler400 = "pacsbrowser.unanswered.bad_request"
handler403 = "pacsbrowser.unanswered.permission_denied"
handler404 = "pacsbrowser.unanswered.page_not_found"
handler500 = "pacsbrowser.unanswered.server_error"
