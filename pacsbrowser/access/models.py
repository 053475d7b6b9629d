"""The users, their roles, and the one-time links by which a person sets a password."""

import hashlib
import secrets
from datetime import timedelta
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser
from django.contrib.auth.models import UserManager as DjangoUserManager
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from pacsbrowser.access.scope import scope_of


class Role(models.TextChoices):
    """What a user may do; each role includes the ones before it."""

    VIEWER = "viewer", "Viewer"
    UPLOADER = "uploader", "Uploader"
    ADMINISTRATOR = "administrator", "Administrator"


class Theme(models.TextChoices):
    """How the pages look."""

    SYSTEM = "", "Like the system"
    LIGHT = "light", "Light"
    DARK = "dark", "Dark"


class UserManager(DjangoUserManager["User"]):
    """Makes users; Django's own superuser is an administrator here."""

    def create_superuser(
        self, username: str, email: str | None = None, password: str | None = None, **fields: Any
    ) -> "User":
        """Make an administrator (what `manage.py createsuperuser` calls)."""
        fields["role"] = Role.ADMINISTRATOR
        return super().create_superuser(username, email, password, **fields)


class User(AbstractUser):
    """A person who logs in."""

    role = models.CharField(max_length=20, choices=Role.choices, default=Role.VIEWER)
    institutions = models.TextField(
        blank=True, help_text="One institution name a line, as in Institution Name (0008,0080). Empty: all studies."
    )
    theme = models.CharField(max_length=10, choices=Theme.choices, default=Theme.SYSTEM, blank=True)
    shortcuts = models.BooleanField("single-key shortcuts", default=True)

    objects: ClassVar[UserManager] = UserManager()

    class Meta(AbstractUser.Meta):
        """By name, as the page lists them."""

        ordering = ["username"]

    def clean(self) -> None:
        """Refuse an administrator who is limited: the audit log and the users cannot be limited to institutions."""
        super().clean()
        if self.role == Role.ADMINISTRATOR and self.institutions.strip():
            problem = "An administrator sees everything; choose another role to limit to institutions."
            raise ValidationError({"institutions": problem})

    @property
    def is_administrator(self) -> bool:
        """May manage users, delete, and read the audit log; never somebody who is limited to institutions."""
        return self.is_active and self.role == Role.ADMINISTRATOR and self.sees_everything

    @property
    def may_upload(self) -> bool:
        """May add objects to the archive."""
        return self.is_active and self.role in {Role.UPLOADER, Role.ADMINISTRATOR}

    @property
    def sees_everything(self) -> bool:
        """Is not limited to the studies of some institutions."""
        return scope_of(self).everything

    @property
    def shown_name(self) -> str:
        """The full name, else the user name."""
        return self.get_full_name() or self.username


class OneTimeLink(models.Model):
    """A link that lets whoever has it set a password, once, for a while. Only its digest is kept."""

    LIFETIME = timedelta(hours=24)

    digest = models.CharField(max_length=64, unique=True)
    # none: the link makes the first administrator
    user = models.ForeignKey(User, models.CASCADE, null=True, related_name="+")
    expires = models.DateTimeField()

    def __str__(self) -> str:
        return f"one-time link for {self.user or 'the first administrator'}"

    @classmethod
    def make(cls, user: User | None) -> str:
        """Replace the user's earlier links by a new one and return its token, which is not kept."""
        token = secrets.token_urlsafe(32)
        cls.objects.filter(user=user).delete()
        cls.objects.create(digest=cls._digest(token), user=user, expires=timezone.now() + cls.LIFETIME)
        return token

    @classmethod
    def find(cls, token: str) -> "OneTimeLink | None":
        """The link of a token, if it is still good."""
        links = cls.objects.select_related("user").filter(digest=cls._digest(token), expires__gt=timezone.now())
        return links.first()

    def use_up(self) -> bool:
        """Take the link away; false if somebody else was quicker."""
        return OneTimeLink.objects.filter(pk=self.pk).delete()[0] == 1

    @staticmethod
    def _digest(token: str) -> str:
        return hashlib.sha256(token.encode()).hexdigest()


class Token(models.Model):
    """A secret by which a program acts for a user, with fewer rights than the user. Only its digest is kept."""

    PREFIX = "pb_"
    SHOWN = 8

    user = models.ForeignKey(User, models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=80)
    digest = models.CharField(max_length=64, unique=True)
    # the first characters of the secret, so that a person recognises it
    start = models.CharField(max_length=16)
    may_read = models.BooleanField("read: search and retrieve", default=True)
    may_store = models.BooleanField("store: send objects", default=False)
    created = models.DateTimeField()
    expires = models.DateTimeField(null=True, blank=True)
    last_used = models.DateTimeField(null=True, blank=True)

    class Meta:
        """Newest first, as the page lists them."""

        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.start}… ({self.name})"

    @property
    def has_expired(self) -> bool:
        """Whether its time is over."""
        return self.expires is not None and self.expires <= timezone.now()

    @property
    def scope(self) -> str:
        """What it may be used for, as the command line says it."""
        return ",".join(word for word, may in (("read", self.may_read), ("store", self.may_store)) if may)
