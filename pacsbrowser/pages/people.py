"""The page on which an administrator manages the users."""

from typing import Any

from axes.utils import reset
from django import forms
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from pacsbrowser.access.decorators import administrator_required
from pacsbrowser.access.models import OneTimeLink, Role, User
from pacsbrowser.audit.models import Action
from pacsbrowser.audit.record import record
from pacsbrowser.pages.fields import UserModelForm, style
from pacsbrowser.pages.render import page


def signed_in(request: HttpRequest) -> User:
    """The user of a view that demands a login."""
    assert isinstance(request.user, User)  # noqa: S101 - the login middleware has seen to it
    return request.user


class UserForm(UserModelForm):
    """What an administrator decides about a user; the password is the user's own."""

    class Meta:
        """The columns that may change."""

        model = User
        fields = ["username", "first_name", "last_name", "role", "institutions", "is_active"]
        labels = {"username": "User name", "first_name": "Given name", "last_name": "Family name"}
        help_texts = {"username": "", "is_active": ""}
        widgets = {"institutions": forms.Textarea(attrs={"rows": 3})}

    def clean(self) -> dict[str, Any]:
        """Somebody must be left who can manage users."""
        data = super().clean() or self.cleaned_data
        stays = data.get("role") == Role.ADMINISTRATOR and data.get("is_active")
        whole = User.objects.filter(role=Role.ADMINISTRATOR, is_active=True, institutions="")
        others = whole.exclude(pk=self.instance.pk)
        was = self.instance.pk and User.objects.get(pk=self.instance.pk).is_administrator
        if was and not stays and not others.exists():
            raise forms.ValidationError("This is the last active administrator: make another one first.")
        return data


@administrator_required
@require_safe
def user_list(request: HttpRequest) -> HttpResponse:
    """All users."""
    return page(request, "pages/user_list.html", {"users": User.objects.order_by("username")})


@administrator_required
@require_http_methods(["GET", "HEAD", "POST"])
def user_add(request: HttpRequest) -> HttpResponse:
    """Add a user, then show the link by which the person sets a password."""
    form = style(UserForm(request.POST or None))
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            person = form.save(commit=False)
            person.set_unusable_password()
            person.save()
            _record(request, person, ["added"])
        return _show_link(request, person)
    return _user_page(request, form, User())


@administrator_required
@require_http_methods(["GET", "HEAD", "POST"])
def user_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Change a user."""
    person = get_object_or_404(User, pk=pk)
    form = style(UserForm(request.POST or None, instance=person))
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            form.save()
            _record(request, person, sorted(form.changed_data))
        return redirect("user_list")
    return _user_page(request, form, User.objects.get(pk=pk))


@administrator_required
@require_POST
def user_link(request: HttpRequest, pk: int) -> HttpResponse:
    """Make a one-time password link, and end a lock-out."""
    person = get_object_or_404(User, pk=pk, is_active=True)
    reset(username=person.username)
    _record(request, person, ["one-time link"])
    return _show_link(request, person)


def _show_link(request: HttpRequest, person: User) -> HttpResponse:
    token = OneTimeLink.make(person)
    link = request.build_absolute_uri(reverse("setup", args=[token]))
    return _user_page(request, style(UserForm(instance=person)), person, link=link)


def _user_page(request: HttpRequest, form: UserForm, person: User, link: str = "") -> HttpResponse:
    status = 422 if form.is_bound else 200
    context = {"form": form, "person": person, "link": link, "expires": timezone.now() + OneTimeLink.LIFETIME}
    return page(request, "pages/user_detail.html", context, status=status)


def _record(request: HttpRequest, person: User, changed: list[str]) -> None:
    detail = {"changed": changed, "role": person.role, "active": person.is_active}
    record(Action.USER_CHANGE, request=request, object=person.username, detail=detail)
