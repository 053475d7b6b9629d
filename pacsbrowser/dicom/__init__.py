"""All DICOM knowledge of the archive: reading headers, values, names, UIDs, character sets, matching. Knows no Django."""
