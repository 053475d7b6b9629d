"""The pages on which an administrator manages remote nodes, verifies them, and makes rules for what goes on to them."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from pacsbrowser.access.decorators import administrator_required
from pacsbrowser.audit.models import Action
from pacsbrowser.audit.record import record
from pacsbrowser.exchange.addresses import parse_networks, resolve
from pacsbrowser.exchange.failures import ExchangeError, Unreachable
from pacsbrowser.exchange.forwarding import begin
from pacsbrowser.exchange.models import Kind, Login, Node, Rule
from pacsbrowser.exchange.outbox import verify
from pacsbrowser.exchange.sealing import Unreadable, seal, unseal
from pacsbrowser.exchange.web import host_of, port_of
from pacsbrowser.pages.fields import style
from pacsbrowser.pages.render import page

if TYPE_CHECKING:
    NodeModelForm = forms.ModelForm[Node]
    RuleModelForm = forms.ModelForm[Rule]
else:
    # only the type checker's form takes the model in brackets
    NodeModelForm = RuleModelForm = forms.ModelForm

# Whoever may be told by the operator to trust a place has not been told to trust another one.
PLACE = ("kind", "host", "port", "url")


class NodeForm(NodeModelForm):
    """What an administrator decides about a node. A secret can be set, and is never shown."""

    new_secret = forms.CharField(
        label="Password or token", required=False, strip=False, max_length=4000,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )  # fmt: skip

    class Meta:
        """The columns, in the order of the page."""

        model = Node
        fields = [
            "name", "kind", "ae_title", "host", "port", "tls", "fetch_by", "url", "login", "username", "account",
            "may_store", "may_find", "may_get", "may_move", "addresses", "institutions",
        ]  # fmt: skip
        widgets = {"addresses": forms.Textarea(attrs={"rows": 2}), "institutions": forms.Textarea(attrs={"rows": 2})}
        help_texts = {
            "url": "Of the DICOMweb service, such as https://archive.example/dicom-web",
            "account": "Whose API token it uses here. What this account sends is never forwarded back to the node.",
            "fetch_by": "For C-MOVE, the node has to know this archive by its AE title, address and port.",
            "addresses": "Addresses or networks that its calls come from, one a line. Empty: those of the host.",
            "institutions": "Limits what it finds here to studies of these, one a line. Empty: all studies.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        has_one = bool(self.instance.secret)
        self.fields["new_secret"].help_text = "One is stored; leave empty to keep it." if has_one else ""
        self.fields["port"].required = False
        self.fields["account"].empty_label = "none"  # type: ignore[attr-defined]

    def clean_port(self) -> int:
        """A node that is asked by URL needs no port."""
        return int(self.cleaned_data.get("port") or 104)

    def clean_addresses(self) -> str:
        """Addresses and networks, one a line."""
        text = str(self.cleaned_data["addresses"])
        try:
            parse_networks(text.splitlines())
        except ValueError as error:
            raise ValidationError(f"{error}.") from None
        return text

    def clean(self) -> dict[str, Any]:
        """Refuse places that must not be called; what the operator trusts is trusted for as long as it stays there."""
        data = super().clean() or self.cleaned_data
        if not self.errors and not self._is_trusted():
            is_web = data["kind"] == Kind.DICOMWEB
            host = host_of(data["url"]) if is_web else data["host"]
            try:
                resolve(host, port_of(data["url"]) if is_web else data["port"])
            except Unreachable as problem:
                self.add_error("url" if is_web else "host", str(problem))
        if not self.errors and (why := self._why_no_secret(data)):
            self.add_error("new_secret", why)
        return data

    def _why_no_secret(self, data: dict[str, Any]) -> str:
        """Say why a login lacks its secret: whoever leads a node elsewhere is not to hear the one that is stored."""
        if data["kind"] != Kind.DICOMWEB or data["login"] == Login.NONE or data["new_secret"]:
            return ""
        if not self.instance.secret:
            return "This is needed."
        if "url" in self.changed_data:
            return "The stored one is for the former place. Enter it again."
        return why_unreadable(self.instance)

    def save(self, commit: bool = True) -> Node:
        """Seal a new secret; forget one that is not used."""
        node: Node = super().save(commit=False)
        node.is_trusted = self._is_trusted()
        if node.kind != Kind.DICOMWEB or node.login == Login.NONE:
            node.secret = ""
        elif secret := self.cleaned_data["new_secret"]:
            node.secret = seal(secret)
        node.save()
        return node

    def _is_trusted(self) -> bool:
        return self.instance.is_trusted and not set(PLACE) & set(self.changed_data)


def why_unreadable(node: Node) -> str:
    """Say why the secret of a node is of no use, '' where it is."""
    try:
        unseal(node.secret)
    except Unreadable as problem:
        return str(problem)
    return ""


class RuleForm(RuleModelForm):
    """What an administrator decides about a rule."""

    class Meta:
        """The columns, in the order of the page."""

        model = Rule
        fields = ["name", "node", "is_on", "modalities", "door", "caller", "description", "institution"]
        help_texts = {
            "modalities": "Such as CT, MR. Empty: all.",
            "caller": "AE title, or name of the user, that it came from. Empty: any.",
            "description": "Part of the study's or series' description; * and ? stand for other letters.",
            "institution": "Part of the institution's name; * and ? stand for other letters.",
        }


@administrator_required
@require_safe
def node_list(request: HttpRequest) -> HttpResponse:
    """All nodes and rules."""
    rules = Rule.objects.select_related("node")
    context = {"nodes": Node.objects.select_related("account"), "rules": rules, "own_title": settings.DIMSE_AE_TITLE}
    return page(request, "pages/node_list.html", context)


@administrator_required
@require_http_methods(["GET", "HEAD", "POST"])
def node_add(request: HttpRequest) -> HttpResponse:
    """Add a node."""
    return _edit_node(request, Node())


@administrator_required
@require_http_methods(["GET", "HEAD", "POST"])
def node_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Change a node."""
    return _edit_node(request, get_object_or_404(Node, pk=pk))


@administrator_required
@require_POST
def node_verify(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask a node whether it is there, and say why not."""
    node = get_object_or_404(Node, pk=pk)
    try:
        verify(node)
    except ExchangeError as problem:
        messages.error(request, f"{node.name} does not answer as it should. {problem}")
    else:
        messages.success(request, f"{node.name} answers.")
    return redirect("node_list")


@administrator_required
@require_http_methods(["GET", "HEAD", "POST"])
def node_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask once more, then forget a node and its rules."""
    node = get_object_or_404(Node, pk=pk)
    if request.method != "POST":
        return page(request, "pages/node_remove.html", {"node": node, "rules": node.rules.all()})
    with transaction.atomic():
        _record(request, node.name, ["removed"])
        node.delete()
    messages.success(request, f"{node.name} is removed.")
    return redirect("node_list")


@administrator_required
@require_http_methods(["GET", "HEAD", "POST"])
def rule_add(request: HttpRequest) -> HttpResponse:
    """Add a rule."""
    return _edit_rule(request, Rule())


@administrator_required
@require_http_methods(["GET", "HEAD", "POST"])
def rule_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Change a rule."""
    return _edit_rule(request, get_object_or_404(Rule, pk=pk))


@administrator_required
@require_POST
def rule_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Forget a rule; what it has chosen already is still sent."""
    rule = get_object_or_404(Rule, pk=pk)
    with transaction.atomic():
        _record(request, rule.name, ["rule removed"])
        rule.delete()
    messages.success(request, f"The rule {rule.name} is removed.")
    return redirect("node_list")


def _edit_node(request: HttpRequest, node: Node) -> HttpResponse:
    is_new = node.pk is None
    form = style(NodeForm(request.POST or None, instance=node))
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            saved = form.save()
            _record(request, saved.name, ["added"] if is_new else sorted(form.changed_data))
        messages.success(request, f"{saved.name} is saved. Verify that it answers.")
        return redirect("node_list")
    shown = Node() if is_new else Node.objects.get(pk=node.pk)
    context = {"form": form, "node": shown, "unreadable": why_unreadable(shown)}
    return page(request, "pages/node_detail.html", context, status=422 if form.is_bound else 200)


def _edit_rule(request: HttpRequest, rule: Rule) -> HttpResponse:
    was_on = rule.pk is not None and rule.is_on
    form = style(RuleForm(request.POST or None, instance=rule))
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            changed = form.save(commit=False)
            if changed.is_on and not was_on:
                begin(changed)
            changed.save()
            _record(request, changed.name, ["rule", *sorted(form.changed_data)])
        return redirect("node_list")
    return page(request, "pages/rule_detail.html", {"form": form, "rule": rule}, status=422 if form.is_bound else 200)


def _record(request: HttpRequest, name: str, changed: list[str]) -> None:
    record(Action.NODE_CHANGE, request=request, object=name, detail={"changed": changed})
