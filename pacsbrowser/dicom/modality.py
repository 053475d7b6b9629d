"""What kind of thing an object is: colour group of its modality, short word for its SOP class."""

from pacsbrowser.dicom.uids import uid_name

_GROUPS = {
    "ct": "CT",
    "mr": "MR MS",
    "us": "US IVUS BDUS EC",
    "xr": "CR DX MG XA RF DR IO PX BMD DF CF RG TG VF DS",
    "nm": "PT NM ST",
    "rt": "RTIMAGE RTDOSE RTSTRUCT RTPLAN RTRECORD RTINTENT RTSEGANN RTRAD",
    "seg": "SEG REG M3D TEXTUREMAP RWV",
    "wav": "ECG EPS HD RESP AU EEG EMG EOG",
}
_GROUP_OF = {modality: group for group, names in _GROUPS.items() for modality in names.split()}

GROUPS = ("ct", "mr", "us", "xr", "nm", "rt", "seg", "wav", "doc")
GROUP_NAMES = {
    "ct": "Computed tomography", "mr": "Magnetic resonance", "us": "Ultrasound", "xr": "X-ray",
    "nm": "Nuclear medicine, PET", "rt": "Radiotherapy", "seg": "Segmentation, registration", "wav": "Waveform",
    "doc": "Document, other",
}  # fmt: skip

# Documents and others among the defined terms of Modality (0008,0060), PS3.3 C.7.3.1.1.1; retired terms are left out.
_OTHERS = frozenset((
    "SR", "KO", "PR", "DOC", "OT", "FID", "PLAN", "REG", "SMR", "GM", "SM", "OAM", "OCT", "OP", "OPM", "OPR",
    "OPT", "OPV", "OSS", "AR", "KER", "LEN", "SRF", "VA", "IOL", "XC", "ASMT",
))  # fmt: skip
_RETIRED = frozenset(("DS", "DF", "CF", "VF", "EC", "MS", "ST"))

# Looked for in the registered name of the SOP class (PS3.6 A), in this order.
_KINDS = (
    ("Encapsulated PDF", "PDF"), ("Encapsulated CDA", "CDA document"), ("Encapsulated STL", "3D model"),
    ("Encapsulated OBJ", "3D model"), ("Encapsulated MTL", "3D material"), ("Encapsulated", "document"),
    ("Key Object Selection", "key objects"), (" SR", "SR"), ("Structured Report", "SR"),
    ("Presentation State", "presentation"),
    ("Hanging Protocol", "hanging protocol"), ("RT Structure Set", "RT structures"), ("RT Dose", "RT dose"),
    ("RT Ion Plan", "RT plan"), ("RT Plan", "RT plan"), ("RT Image", "RT image"), ("Treatment Record", "RT record"),
    ("RT ", "RT object"), ("Waveform", "waveform"), (" ECG", "waveform"), ("EEG", "waveform"), ("Audio", "waveform"),
    ("Segmentation", "segmentation"), ("Registration", "registration"), ("Fiducials", "fiducials"),
    ("Raw Data", "raw data"), ("Real World Value", "value map"), ("Parametric Map", "parametric map"),
    ("Procedure Log", "SR"), ("Radiation", "RT object"), ("Report", "report"), ("US Volume", "image"), ("Map", "image"),
    ("Surface Scan", "surface"), ("Tractography", "tractography"),
    ("Spectroscopy", "spectroscopy"), ("Video", "video"), ("Lensometry", "measurement"),
    ("Measurements", "measurement"), ("Refraction", "measurement"), ("Visual Acuity", "measurement"),
    ("Analysis", "measurement"), ("Annotation", "annotations"), ("Stereometric", "relationship"),
    ("Performed Procedure", "procedure"), ("Protocol", "protocol"), ("Calculation", "measurement"),
)  # fmt: skip


def modality_group(modality: str) -> str:
    """Return the colour group of a modality; doc for documents and all that is not known."""
    name = modality.strip().upper()
    return _GROUP_OF.get(name) or ("rt" if name.startswith("RT") else "doc")


def object_kind(sop_class_uid: str) -> str:
    """Return a short word for what objects of this class are: image, SR, PDF, waveform, RT plan, …"""
    name = uid_name(sop_class_uid)
    if name is None:
        return "object"
    for words, kind in _KINDS:
        if words in name:
            return kind
    return "image" if "Image" in name or is_image_class(sop_class_uid) else "object"


def is_known_modality(modality: str) -> bool:
    """Say whether a text is a defined term of Modality (0008,0060) in use."""
    return modality in _OTHERS or (modality in _GROUP_OF and modality not in _RETIRED)


# Images whose registered names lack the word Image.
_OTHER_IMAGES = {
    "1.2.840.10008.5.1.4.1.1.66.4",  # Segmentation
    "1.2.840.10008.5.1.4.1.1.30",  # Parametric Map
    "1.2.840.10008.5.1.4.1.1.6.2",  # Enhanced US Volume
}


def is_image_class(sop_class_uid: str) -> bool:
    """Say whether objects of this class must carry pixel data (an Image Pixel Module, PS3.3 A)."""
    name = uid_name(sop_class_uid) or ""
    return sop_class_uid in _OTHER_IMAGES or (
        "Image Storage" in name and "Presentation State" not in name and "Raw" not in name
    )
