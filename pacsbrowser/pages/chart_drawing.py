"""The colours of a chart that leaves the site: presentation attributes in place of the style sheet's classes."""

from collections.abc import Iterator
from dataclasses import dataclass

from pacsbrowser.pages.chart_layout import Box, Chart

# The light values of the style sheet's --mod-*, --accent and --line-control.
_COLOURS = {
    "ct": "#75481a",
    "mr": "#16215c",
    "us": "#398a80",
    "xr": "#49647b",
    "nm": "#886d20",
    "rt": "#c06ec5",
    "seg": "#829b55",
    "wav": "#4e0e09",
    "doc": "#3b4654",
    "pat": "#0b57b7",
    "": "#7d8794",
}


@dataclass(frozen=True, slots=True)
class Paint:
    """A box with its colours."""

    box: Box
    fill: str
    stroke: str
    strong: str


def painted(chart: Chart) -> Iterator[Paint]:
    """Return the boxes of a chart with their colours."""
    for box in chart.boxes:
        colour = _COLOURS.get(box.group, _COLOURS["doc"])
        if box.kind == "missing":
            yield Paint(box, "#fdf2dc", "#7d4e00", colour)
        elif box.kind == "cell":
            yield Paint(box, _tint(colour, 0.48), "#ffffff", colour)
        else:
            yield Paint(box, _tint(colour, 0.14), _tint(colour, 0.55), colour)


def _tint(colour: str, share: float) -> str:
    """Return a colour mixed with white."""
    parts = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return "#" + "".join(f"{round(255 - (255 - part) * share):02x}" for part in parts)
