"""What groups of tags and value representations are called, for people who are learning DICOM (PS3.5 6.2, PS3.6)."""

GROUPS = {
    "0002": "file meta information", "0004": "media directory", "0008": "identifying", "0010": "patient",
    "0012": "clinical trial", "0014": "non-destructive testing", "0018": "acquisition", "0020": "relationship",
    "0022": "ophthalmology", "0024": "visual field", "0028": "image", "0032": "study", "0038": "visit",
    "003A": "waveform channels", "0040": "procedure", "0042": "encapsulated document", "0044": "product",
    "0046": "ophthalmic measurement", "0048": "whole slide", "0050": "device", "0052": "intravascular",
    "0054": "nuclear medicine and PET", "0060": "histogram", "0062": "segmentation", "0064": "deformable registration",
    "0066": "surface mesh", "0068": "implant", "0070": "presentation", "0072": "hanging protocol", "0074": "worklist",
    "0076": "implant assembly", "0078": "implant template", "0080": "surface scan", "0082": "assessment",
    "0088": "storage", "0100": "authorization", "0400": "digital signature", "2000": "film session",
    "2010": "film box", "2020": "image box", "2030": "annotation", "2040": "overlay box", "2050": "presentation LUT",
    "2100": "print job", "2110": "printer", "2200": "label", "3002": "RT image", "3004": "dose",
    "3006": "RT structures",
    "3008": "RT record", "300A": "RT plan", "300C": "RT references", "300E": "RT approval",
    "3010": "RT second generation",
    "4000": "text", "4008": "results", "4010": "threat detection", "4FFE": "MAC parameters",
    "5200": "functional groups",
    "5400": "waveform", "5600": "spectroscopy", "7FE0": "pixel data", "FFFA": "digital signatures", "FFFC": "padding",
}  # fmt: skip

VRS = {
    "AE": ("Application Entity", "the title of a node, at most 16 characters"),
    "AS": ("Age String", "three digits and D, W, M or Y: 068Y"),
    "AT": ("Attribute Tag", "the tag of another attribute"),
    "CS": ("Code String", "capitals, digits, space and underscore, at most 16; often one of a fixed set"),
    "DA": ("Date", "eight digits YYYYMMDD, without a time zone"),
    "DS": ("Decimal String", "a decimal number as text, at most 16 characters"),
    "DT": ("Date Time", "YYYYMMDDHHMMSS.FFFFFF, may end early and carry an offset from UTC"),
    "FD": ("Floating Point Double", "a binary number of 64 bits"),
    "FL": ("Floating Point Single", "a binary number of 32 bits"),
    "IS": ("Integer String", "a whole number as text, at most 12 characters"),
    "LO": ("Long String", "text of at most 64 characters"),
    "LT": ("Long Text", "one text of at most 10,240 characters"),
    "OB": ("Other Byte", "a string of bytes"),
    "OD": ("Other Double", "a string of 64-bit floating point numbers"),
    "OF": ("Other Float", "a string of 32-bit floating point numbers"),
    "OL": ("Other Long", "a string of 32-bit words"),
    "OV": ("Other Very Long", "a string of 64-bit words"),
    "OW": ("Other Word", "a string of 16-bit words"),
    "PN": ("Person Name", "up to three groups (=) of family, given, middle, prefix and suffix (^)"),
    "SH": ("Short String", "text of at most 16 characters"),
    "SL": ("Signed Long", "a whole number of 32 bits"),
    "SQ": ("Sequence", "items, each of which is a data set of its own"),
    "SS": ("Signed Short", "a whole number of 16 bits"),
    "ST": ("Short Text", "one text of at most 1,024 characters"),
    "SV": ("Signed Very Long", "a whole number of 64 bits"),
    "TM": ("Time", "HHMMSS.FFFFFF, may end early, without a time zone"),
    "UC": ("Unlimited Characters", "text of any length"),
    "UI": ("Unique Identifier", "numbers between dots, at most 64 characters"),
    "UL": ("Unsigned Long", "a whole number of 32 bits, not negative"),
    "UN": ("Unknown", "bytes whose representation the file does not tell"),
    "UR": ("URI", "an internet address"),
    "US": ("Unsigned Short", "a whole number of 16 bits, not negative"),
    "UT": ("Unlimited Text", "one text of any length"),
    "UV": ("Unsigned Very Long", "a whole number of 64 bits, not negative"),
}


def group_name(group: str) -> str:
    """Return what a group of tags is about, '' when there is nothing to say."""
    if group[:2] == "60" and int(group, 16) % 2 == 0:
        return "overlay"
    return GROUPS.get(group, "")


def vr_words(vr: str) -> str:
    """Return the name of a value representation and what it holds."""
    name, holds = VRS.get(vr, ("", ""))
    return f"{name}: {holds}" if name else ""
