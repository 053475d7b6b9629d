"""Logging in and out, one's own account, and the link by which a person sets a password."""

from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from axes.utils import reset
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login as auth_login
from django.contrib.auth import logout as auth_logout
from django.contrib.auth import update_session_auth_hash, user_login_failed
from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from pacsbrowser.access.models import OneTimeLink, Role, Theme, User
from pacsbrowser.audit.models import Action
from pacsbrowser.audit.record import address_of, record
from pacsbrowser.pages.fields import UserModelForm, style
from pacsbrowser.pages.people import signed_in
from pacsbrowser.pages.render import page

_BACKEND = "django.contrib.auth.backends.ModelBackend"
LENGTH_HINT = "At least 10 characters, not only digits, nothing common."


def _lock_facts() -> dict[str, int]:
    minutes = int(settings.AXES_COOLOFF_TIME.total_seconds() // 60)
    return {"locked_minutes": minutes, "limit": settings.AXES_FAILURE_LIMIT}


login = auth_views.LoginView.as_view(
    template_name="registration/login.html", redirect_authenticated_user=True, extra_context=_lock_facts()
)
logout = auth_views.LogoutView.as_view()


def locked_out(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    """What axes answers after too many failures; the same for a user who does not exist."""
    context = {"locked": True, "next": request.POST.get("next", ""), **_lock_facts()}
    return render(request, "registration/login.html", context, status=429)


class LookForm(UserModelForm):
    """How the pages look to this user."""

    class Meta:
        """Two columns of the user."""

        model = User
        fields = ["theme", "shortcuts"]


class OwnPasswordForm(PasswordChangeForm):
    """The old password and a new one twice, in the words of the set-up page."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["new_password1"].help_text = LENGTH_HINT
        self.fields["new_password2"].label, self.fields["new_password2"].help_text = "New password again", ""
        del self.fields["old_password"].widget.attrs["autofocus"]  # the page begins with the look


@require_http_methods(["GET", "HEAD", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    """One's own look and password."""
    user = signed_in(request)
    look = style(LookForm(request.POST or None, instance=user))
    if request.method == "POST" and look.is_valid():
        look.save()
        messages.success(request, "Saved.")
        return redirect("account")
    return _account_page(request, look, style(OwnPasswordForm(user)))


@sensitive_post_parameters()
@require_POST
def password_change(request: HttpRequest) -> HttpResponse:
    """Change one's own password; every other session of the user ends.

    Wrong old passwords count like failed logins, so that an open session does not help to guess; too many end it.
    """
    user = signed_in(request)
    if not AxesProxyHandler.is_allowed(request, {"username": user.username}):
        return _end_session(request)
    form = style(OwnPasswordForm(user, request.POST))
    if not form.is_valid():
        if form.has_error("old_password", "password_incorrect") and _count_failure(request, user):
            return _end_session(request)
        return _account_page(request, style(LookForm(instance=user)), form, status=422)
    with transaction.atomic():
        form.save()
        record(Action.USER_CHANGE, request=request, object=user.username, detail={"changed": ["password"]})
    update_session_auth_hash(request, user)
    reset(username=user.username, ip=address_of(request))
    messages.success(request, "The password is changed. Other sessions of yours have ended.")
    return redirect("account")


def _count_failure(request: HttpRequest, user: User) -> bool:
    """Tell those who count and record failed logins of a wrong password; true if it was one too many."""
    user_login_failed.send(__name__, credentials={"username": user.username}, request=request)
    return not AxesProxyHandler.is_allowed(request, {"username": user.username})


def _end_session(request: HttpRequest) -> HttpResponse:
    auth_logout(request)
    return locked_out(request)


def _account_page(
    request: HttpRequest, look: forms.BaseForm, password: forms.BaseForm, status: int = 200
) -> HttpResponse:
    return page(request, "pages/account.html", {"look": look, "password": password}, status=status)


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Keep the light or dark look; "toggle" without JavaScript goes on to the next one."""
    user = signed_in(request)
    wanted = request.POST.get("theme", "")
    if wanted == "toggle":
        wanted = Theme.LIGHT if user.theme == Theme.DARK else Theme.DARK
    if wanted in Theme.values:
        User.objects.filter(pk=user.pk).update(theme=wanted)
    return redirect(_page_before(request)) if _is_form(request) else HttpResponse(status=204)


def _page_before(request: HttpRequest) -> str:
    """The page of ours that the form was on."""
    referer: str = request.META.get("HTTP_REFERER", "")
    return referer if url_has_allowed_host_and_scheme(referer, {request.get_host()}) else "/"


def _is_form(request: HttpRequest) -> bool:
    return request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"


class SetupForm(forms.Form):
    """A password, twice; for the first administrator also the user name."""

    username = forms.CharField(label="User name", max_length=150, initial="admin")
    password1 = forms.CharField(label="Password", strip=False, widget=forms.PasswordInput(render_value=False))
    password2 = forms.CharField(label="Password again", strip=False, widget=forms.PasswordInput(render_value=False))

    def __init__(self, *args: Any, user: User | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.fields["password1"].help_text = LENGTH_HINT
        if user is not None:
            del self.fields["username"]

    def clean_username(self) -> str:
        """A user name that Django accepts and nobody has."""
        username = User.normalize_username(self.cleaned_data["username"])
        field = User._meta.get_field("username")
        field.run_validators(username)
        if User.objects.filter(username__iexact=username).exists():
            raise ValidationError("There is a user of this name.")
        return str(username)

    def clean(self) -> dict[str, Any]:
        """Both passwords are the same and good enough."""
        data = self.cleaned_data
        first = data.get("password1")
        if first and data.get("password2") and first != data["password2"]:
            self.add_error("password2", "The two passwords differ.")
        elif first:
            try:
                validate_password(first, self.user or User(username=data.get("username", "")))
            except ValidationError as problem:
                self.add_error("password1", problem)
        return data


@sensitive_post_parameters()
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def setup(request: HttpRequest, token: str) -> HttpResponse:
    """Set a password by a one-time link, or make the first administrator."""
    link = _good_link(token)
    if link is None:
        return render(request, "pages/setup.html", status=410)
    form = style(SetupForm(request.POST or None, user=link.user))
    if request.method == "POST" and form.is_valid() and (user := _set_up(request, link, form.cleaned_data)):
        auth_login(request, user, backend=_BACKEND)
        return redirect("/")
    context = {"form": form, "link": link, "first": link.user is None}
    return render(request, "pages/setup.html", context, status=422 if form.is_bound else 200)


def _good_link(token: str) -> OneTimeLink | None:
    link = OneTimeLink.find(token)
    if link is None:
        return None
    if link.user is not None:
        return link if link.user.is_active else None
    return None if User.objects.filter(role=Role.ADMINISTRATOR).exists() else link


@transaction.atomic
def _set_up(request: HttpRequest, link: OneTimeLink, data: dict[str, Any]) -> User | None:
    if not link.use_up():
        return None
    user = link.user or User(username=data["username"], role=Role.ADMINISTRATOR)
    user.set_password(data["password1"])
    user.save()
    record(
        Action.USER_CHANGE,
        request=request,
        who=user.username,
        object=user.username,
        detail={"changed": ["password"], "by": "one-time link"},
    )
    return user
