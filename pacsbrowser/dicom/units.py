"""Units as people write them, from their symbols in UCUM, which have letters of ASCII alone."""

_UNITS = {
    "mm2": "mm²", "mm3": "mm³", "cm2": "cm²", "cm3": "cm³", "m2": "m²", "um": "µm", "um2": "µm²", "us": "µs",
    "uV": "µV", "deg": "°", "Cel": "°C", "uA": "µA", "uGy": "µGy", "Gy.m2": "Gy·m²", "mGy.cm": "mGy·cm",
    "mGy.cm2": "mGy·cm²",
    "dGy.cm2": "dGy·cm²", "uGy.m2": "µGy·m²", "cGy.cm2": "cGy·cm²", "mA.s": "mA·s", "[hnsf'U]": "HU", "ml": "mL",
    "mm[Hg]": "mmHg", "g/cm2": "g/cm²", "kg/m2": "kg/m²",
}  # fmt: skip


def unit_symbol(symbol: str) -> str:
    """Return a unit as it is shown: um as µm, mm2 as mm²; one that is written so anyhow stays."""
    return _UNITS.get(symbol, symbol)
