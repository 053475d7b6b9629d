"""Amounts of work as people say them."""

from django import template

register = template.Library()


@register.simple_tag
def amount(number: int, unit: str = "") -> str:
    """Return "1,204 files" or, of bytes, "1.2 GB"."""
    if unit != "bytes":
        return f"{number:,} {unit}".strip()
    size = float(number)
    for name in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {name}" if size >= 10 or name == "bytes" else f"{size:.1f} {name}"
        size /= 1000
    return f"{size:.1f} TB"
