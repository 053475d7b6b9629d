"""The page on which a user makes and revokes API tokens for programs that use DICOMweb."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from pacsbrowser.access.models import Token, User
from pacsbrowser.access.tokens import make_token
from pacsbrowser.audit.models import Action
from pacsbrowser.audit.record import record
from pacsbrowser.pages.fields import style
from pacsbrowser.pages.people import signed_in
from pacsbrowser.pages.render import page

MOST = 50
_LIFETIMES = (("30", "30 days"), ("90", "90 days"), ("365", "a year"), ("", "never"))


class TokenForm(forms.Form):
    """What a token is for, what it may do, and how long."""

    name = forms.CharField(max_length=80, help_text="What it is for, such as the program and the machine it runs on.")
    may_read = forms.BooleanField(label="Read: search and retrieve", required=False, initial=True)
    may_store = forms.BooleanField(label="Store: send objects", required=False)
    days = forms.ChoiceField(label="Expires after", choices=_LIFETIMES, initial="90", required=False)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._user = user
        if not user.may_upload:
            del self.fields["may_store"]

    def clean(self) -> dict[str, Any]:
        """A token that may do nothing is of no use, and nobody needs hundreds."""
        data = self.cleaned_data
        if not data.get("may_read") and not data.get("may_store"):
            raise forms.ValidationError("Choose what the token may be used for.")
        if self._user.tokens.count() >= MOST:
            raise forms.ValidationError(f"There are {MOST} tokens already. Revoke some that are not used.")
        return data


@require_http_methods(["GET", "HEAD", "POST"])
def token_list(request: HttpRequest) -> HttpResponse:
    """One's own tokens; POST makes one and shows it, this once."""
    user = signed_in(request)
    form = style(TokenForm(request.POST if request.method == "POST" else None, user=user))
    if request.method == "POST" and form.is_valid():
        return _page(request, style(TokenForm(user=user)), secret=_make(request, user, form.cleaned_data))
    return _page(request, form, status=422 if form.is_bound else 200)


@require_POST
def token_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """End a token of one's own at once."""
    row = Token.objects.filter(pk=pk, user=signed_in(request)).first()
    if row is None:
        raise Http404("There is no such token.")
    with transaction.atomic():
        _record(request, row, "revoked")
        row.delete()
    messages.success(request, f"The token {row.name} is revoked. Whatever used it is refused from now on.")
    return redirect("token_list")


@transaction.atomic
def _make(request: HttpRequest, user: User, data: dict[str, Any]) -> str:
    days = data.get("days")
    row, secret = make_token(
        user,
        data["name"],
        may_read=data["may_read"],
        may_store=data.get("may_store", False),
        expires=timezone.now() + timedelta(days=int(days)) if days else None,
    )
    _record(request, row, "made")
    return secret


def _record(request: HttpRequest, row: Token, what: str) -> None:
    detail = {"changed": [f"API token {what}"], "token": row.start, "scope": row.scope}
    record(Action.USER_CHANGE, request=request, object=row.user.username, detail=detail)


def _page(request: HttpRequest, form: forms.Form, secret: str = "", status: int = 200) -> HttpResponse:
    tokens = Token.objects.filter(user=signed_in(request))
    context = {"form": form, "tokens": tokens, "secret": secret, "base": request.build_absolute_uri("/dicom-web")}
    return page(request, "pages/token_list.html", context, status=status)
