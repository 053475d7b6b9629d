"""Remote nodes: where they are, what each may do here, and by which rules what arrives goes on to them."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from pacsbrowser.access.scope import EVERYTHING, Scope
from pacsbrowser.archive.models import Delivery, Door


class Kind(models.TextChoices):
    """How a node is spoken to."""

    DIMSE = "dimse", "DIMSE"
    DICOMWEB = "dicomweb", "DICOMweb"


class Login(models.TextChoices):
    """How this archive logs in to a DICOMweb node."""

    NONE = "", "no login"
    BASIC = "basic", "user name and password"
    BEARER = "bearer", "token"


class FetchBy(models.TextChoices):
    """By which service objects are fetched from a DIMSE node."""

    MOVE = "move", "C-MOVE: it calls this archive"
    GET = "get", "C-GET: over the same connection"


# AE (PS3.5 6.2): 16 characters of the default repertoire, no backslash, no control characters, not only spaces.
_ae_title = RegexValidator(
    r"^(?! )[\x20-\x5b\x5d-\x7e]{1,16}(?<! )\Z", "An AE title has 1 to 16 characters of ASCII and no backslash."
)


class Node(models.Model):
    """A remote system. What it `may_…` is what it may ask of this archive; what it is sent needs none of these rights.

    `addresses`: one address or network a line from which its calls come; empty: those of `host`.
    `institutions`: as of a user; empty: all studies.
    `secret`: password or token for a DICOMweb node, sealed; it is never shown.
    `account`: whose API token a DICOMweb node uses here; what that account sends is the node's.
    `is_trusted`: added by the operator on the command line, so that `host` may be any address, also of this machine.
    """

    name = models.CharField(max_length=64, unique=True)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.DIMSE)
    ae_title = models.CharField("AE title", max_length=16, blank=True, validators=[_ae_title])
    host = models.CharField(max_length=255, blank=True)
    port = models.PositiveIntegerField(default=104, validators=[MinValueValidator(1), MaxValueValidator(65535)])
    tls = models.BooleanField("TLS", default=False)
    url = models.CharField("URL", max_length=500, blank=True)
    login = models.CharField(max_length=6, choices=Login, default=Login.NONE, blank=True)
    username = models.CharField("user name", max_length=150, blank=True)
    secret = models.TextField(blank=True, editable=False)
    account = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name="account here"
    )
    fetch_by = models.CharField("fetch by", max_length=4, choices=FetchBy, default=FetchBy.MOVE)
    may_store = models.BooleanField("may store here", default=False)
    may_find = models.BooleanField("may search here", default=False)
    may_get = models.BooleanField("may fetch from here (C-GET)", default=False)
    may_move = models.BooleanField("may have objects sent to known nodes (C-MOVE)", default=False)
    addresses = models.TextField(blank=True)
    institutions = models.TextField(blank=True)
    is_trusted = models.BooleanField(default=False, editable=False)
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        """A DIMSE caller is known by its AE title, so no two nodes share one."""

        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=["ae_title"], condition=Q(kind=Kind.DIMSE), name="node_ae_title_once"),
        )

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Demand what its kind needs."""
        super().clean()
        missing = {"ae_title", "host"} if self.kind == Kind.DIMSE else {"url"}
        problems: dict[str, Any] = {field: "This is needed." for field in missing if not getattr(self, field)}
        if self.kind == Kind.DICOMWEB and self.url and (why := why_no_url(self.url)):
            problems["url"] = why
        if problems:
            raise ValidationError(problems)

    @property
    def where(self) -> str:
        """Where it is, for people."""
        return self.url if self.kind == Kind.DICOMWEB else f"{self.ae_title} at {self.host}:{self.port}"

    @property
    def scope(self) -> Scope:
        """Which studies exist for this node."""
        institutions = frozenset(line.strip() for line in self.institutions.splitlines() if line.strip())
        return Scope(institutions=institutions) if institutions else EVERYTHING

    @property
    def rights(self) -> frozenset[str]:
        """What it may ask for: store, find, get, move."""
        return frozenset(word for word in RIGHTS if getattr(self, f"may_{word}"))


RIGHTS = ("store", "find", "get", "move")


def why_no_url(url: str) -> str:
    """Return why a URL is not that of a DICOMweb service, '' where it may be."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "A DICOMweb service has a URL that begins with https:// or http://."
    if parts.username or parts.password:
        return "User name and password have fields of their own."
    return "The URL of the service has neither ? nor #." if parts.query or parts.fragment else ""


class Origin(models.Model):
    """The node that a delivery was fetched from."""

    delivery = models.OneToOneField(Delivery, models.CASCADE, primary_key=True, related_name="+")
    node = models.ForeignKey(Node, models.CASCADE, related_name="+")

    def __str__(self) -> str:
        return f"{self.delivery_id} from node {self.node_id}"


class Rule(models.Model):
    """What arrives here and matches goes on to a node. An empty condition holds for everything.

    `seen`: the key of the last instance that the rule was held against.
    """

    name = models.CharField(max_length=64, unique=True)
    node = models.ForeignKey(Node, models.CASCADE, related_name="rules")
    is_on = models.BooleanField("on", default=True)
    modalities = models.CharField(max_length=200, blank=True)
    caller = models.CharField("sender", max_length=150, blank=True)
    door = models.CharField("way in", max_length=8, choices=Door, blank=True)
    description = models.CharField(max_length=200, blank=True)
    institution = models.CharField(max_length=256, blank=True)
    seen = models.BigIntegerField(default=0, editable=False)
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        """By name, as the page lists them."""

        ordering = ("name",)

    def __str__(self) -> str:
        return self.name
