"""How DICOM values look on a page: names, dates, ages, sizes, UIDs, modalities; what is missing is said, never guessed.

Filters that end in `_text` return plain text, for titles and labels; the others may return escaped HTML.
"""

from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from urllib.parse import urlencode

from django import template
from django.http import HttpRequest
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from pacsbrowser.dicom import modality as modalities_of
from pacsbrowser.dicom import uids, values
from pacsbrowser.dicom.names import PersonName
from pacsbrowser.pages.wording import REFERENCES

register = template.Library()

SPRITE = "icons.svg"
SEXES = {"F": "Female", "M": "Male", "O": "Other", "U": "Unknown"}
UNCHANGED_PLURALS = {"series"}
KIND_ICONS = {
    "SR": "document", "PDF": "document", "CDA document": "document", "document": "document", "report": "document",
    "key objects": "flag", "presentation": "layout", "waveform": "wave", "RT plan": "ruler", "RT structures": "ellipse",
    "RT record": "document", "RT object": "ruler", "segmentation": "ellipse", "registration": "compare",
    "measurement": "ruler", "video": "play", "raw data": "rows", "object": "rows", "procedure": "document",
}  # fmt: skip
MODALITIES_SHOWN = 3
UID_TAIL = 12


@register.simple_tag
@lru_cache(maxsize=512)
def icon(name: str, size: str = "") -> SafeString:
    """Return one icon of the sprite, hidden from screen readers: the words beside it, or the button's label, say it.

    The answer never changes while the server runs: a page asks for dozens, and each would look its address up.
    """
    return format_html(
        '<svg class="icon{}" aria-hidden="true"><use href="{}#{}"/></svg>',
        f" {size}" if size else "",
        static(SPRITE),
        name,
    )


@register.simple_tag
def sprite() -> str:
    """Return the address of the icon sprite."""
    return static(SPRITE)


@register.simple_tag(takes_context=True)
def query(context: template.Context, **changes: object) -> str:
    """Return the query string of this page with some parameters changed; one that becomes '' or None is left out."""
    request: HttpRequest = context["request"]
    kept = [(key, value) for key, row in request.GET.lists() if key not in changes for value in row]
    kept += [(key, str(value)) for key, value in changes.items() if value not in ("", None)]
    return "?" + urlencode(kept)


@register.filter
def person_name(raw: str) -> SafeString:
    """Return a person's name as FAMILY, Given, isolated from the direction of the text around it (PS3.5 6.2.1)."""
    return _bdi(PersonName.parse(raw or "").display, "(no name)")


@register.filter
def shown_name(display: str) -> SafeString:
    """Return a name that the archive has parsed already (`Patient.name_display`)."""
    return _bdi(display, "(no name)")


@register.filter
def shown_name_text(display: str) -> str:
    """Return such a name as plain text, for a title or a label."""
    return display or "(no name)"


def _bdi(text: str, otherwise: str) -> SafeString:
    return format_html("<bdi>{}</bdi>", text) if text else format_html('<span class="none">{}</span>', otherwise)


@register.filter
def name_suffixes(raw: str) -> str:
    """Return prefix and suffix of a name: "Dr., PhD"."""
    return PersonName.parse(raw or "").suffixes


@register.filter
def dicom_date(raw: str, otherwise: str = "no date") -> SafeString:
    """Return a date as written, never converted: 2026-11-22, 1955, "invalid: 00000000", or that there is none."""
    parsed = values.parse_date(raw or "")
    if parsed:
        return format_html('<time datetime="{0}">{0}</time>', parsed.isoformat())
    text = values.date_text(raw or "")
    return _missing(text, otherwise) if not text or text.startswith("invalid") else format_html("{}", text)


@register.filter
def dicom_date_text(raw: str, otherwise: str = "no date") -> str:
    """Return a date as plain text."""
    return values.date_text(raw or "") or otherwise


@register.filter
def dicom_time(raw: str, precision: str = "") -> SafeString:
    """Return a time as written: 09:42, or 09:42:17 with the argument "seconds"; '' when there is none."""
    text = values.time_text(raw or "", seconds=precision == "seconds")
    return _missing(text, "") if text.startswith("invalid") else format_html("{}", text)


@register.filter
def dicom_date_time(pair: str, otherwise: str = "no date") -> SafeString:
    """Return a sort key YYYYMMDDHHMMSS (`Patient.last_study`) as date and time; midnight is a time not given."""
    if not pair:
        return _missing("", otherwise)
    clock = values.time_text(pair[8:14]) if pair[8:14].strip("0") else ""
    return format_html("{} <small>{}</small>", dicom_date(pair[:8]), clock) if clock else dicom_date(pair[:8])


def _missing(text: str, otherwise: str) -> SafeString:
    shown = text or otherwise
    return format_html('<span class="none">{}</span>', shown) if shown else SafeString()


@register.filter
def given(text: object, otherwise: str = "none") -> SafeString:
    """Return a value, or in grey what its absence is called."""
    return format_html("{}", text) if text not in ("", None) else _missing("", otherwise)


# Years; nobody has come near, and a birth date that says so is a slip of the pen.
_OLDEST = 130
_MOST_PLAIN = 1e15  # larger numbers have digits that a double does not know


@register.filter
def age(born: str | date | None, at: str | date | None = None) -> str:
    """Return the age on a day (today, or the study's date): 5 d, 9 mo, 68 y; '' when a date is not known or wrong."""
    start, end = _day(born), _day(at) if at else timezone.localdate()
    if not start or not end or end < start:
        return ""
    months = (end.year - start.year) * 12 + end.month - start.month - (end.day < start.day)
    if months > 12 * _OLDEST:
        return ""
    if months >= 24:
        return f"{months // 12} y"
    return f"{months} mo" if months >= 2 else f"{(end - start).days} d"


def _day(value: str | date | None) -> date | None:
    return value if isinstance(value, date) else values.parse_date(value[:10] if value else "")


@register.filter
def sex(raw: str) -> SafeString:
    """Return Patient's Sex (0010,0040) in words."""
    return given(SEXES.get(raw, raw), "not given")


@register.filter
def filesize_si(size: int | None) -> str:
    """Return a size in decimal units: 527 kB, 1.9 GB."""
    amount = float(size or 0)
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if amount < 999.5 or unit == "TB":
            break
        amount /= 1000
    if unit == "bytes":
        return f"{int(amount)} byte{'s' if amount != 1 else ''}"
    return f"{amount:.1f} {unit}" if amount < 9.95 else f"{amount:.0f} {unit}"


@register.filter
def thousands(number: int | None) -> str:
    """Return a number with commas: 12,431."""
    return f"{number:,}" if number is not None else ""


@register.filter
def short_number(number: float) -> str:
    """Return a number with six digits, or with one behind the point where that is more: 1234567.8, −0.05."""
    whole = len(str(int(abs(number)))) if abs(number) < _MOST_PLAIN else 0
    return f"{number:.{max(6, whole + 1)}g}".replace("-", "−")


@register.filter
def counted(number: int | None, noun: str) -> str:
    """Return a number with its noun: 1 study, 1,204 instances, 3 series."""
    number = number or 0
    return f"{number:,} {noun if number == 1 else plural(noun)}"


@register.filter
def plural(noun: str) -> str:
    """Return an English plural, good for the words that pages count."""
    if noun in UNCHANGED_PLURALS:
        return noun
    return f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"


@register.filter
def uid_head(uid: str) -> str:
    """Return what of a UID may be cut in a narrow column: all but its last 12 characters."""
    return uid[:-UID_TAIL]


@register.filter
def uid_tail(uid: str) -> str:
    """Return the end of a UID, which is never cut."""
    return uid[-UID_TAIL:]


@register.filter
def modality_class(modality: str) -> str:
    """Return the CSS class of a modality's colour group."""
    return f"mod-{modalities_of.modality_group(modality)}"


@register.filter
def modality_name(modality: str) -> str:
    """Return the name of a modality's group: "computed tomography" for CT."""
    group = modalities_of.modality_group(modality)
    name = modalities_of.GROUP_NAMES[group]
    return name if name == "X-ray" else name[:1].lower() + name[1:]


@register.filter
def modality_list(joined: str) -> list[str]:
    """Return the modalities of a joined column, in its order."""
    return [part for part in (joined or "").split("\\") if part]


@register.simple_tag
def modality_badges(joined: str, every: bool = False) -> SafeString:
    """Return one badge a modality; beyond three, "+2" with the rest in words for screen readers."""
    names = modality_list(joined)
    shown = names if every else names[:MODALITIES_SHOWN]
    rest = names[len(shown) :]
    badges = format_html_join(
        " ", '<span class="mod {}">{}</span>', ((modality_class(name), name) for name in shown)
    ) or _missing("", "none")
    more = format_html(
        ' <span class="count" title="{0}">+{1}<span class="visually-hidden"> more: {0}</span></span>',
        ", ".join(rest), len(rest),
    ) if rest else ""  # fmt: skip
    return format_html('<span class="mods">{}{}</span>', badges, more)


@register.filter
def sop_class(uid: str) -> str:
    """Return the name of a SOP class, "unknown SOP class 1.2.3" for one that PS3.6 does not list."""
    if not uid:
        return "no SOP class"
    return uids.sop_class_name(uid) if uids.uid_name(uid) else f"unknown SOP class {uid}"


@register.filter
def transfer_syntax(uid: str) -> str:
    """Return the name of a transfer syntax."""
    return uids.transfer_syntax_name(uid) if uid else "transfer syntax not stated"


@register.filter
def object_kind(sop_class_uid: str) -> str:
    """Return a short word for what an object is: image, SR, PDF, waveform."""
    return modalities_of.object_kind(sop_class_uid)


@register.filter
def hexadecimal(digest: bytes | memoryview | None) -> str:
    """Return a digest as hexadecimal digits."""
    return bytes(digest).hex() if digest else ""


@register.filter
def signed(number: float | None) -> str:
    """Return a number with one decimal and a true minus sign: −211.5."""
    return "" if number is None else f"{number:.1f}".replace("-", "−")


@register.filter
def kind_icon(sop_class_uid: str) -> str:
    """Return the icon for what an object is."""
    return KIND_ICONS.get(modalities_of.object_kind(sop_class_uid), "instance")


@register.filter
def reference_names(kinds: Iterable[str]) -> str:
    """Return what an object that another names is to it: "evidence, source image"."""
    return ", ".join(REFERENCES.get(kind, kind.replace("_", " ")) for kind in kinds)
