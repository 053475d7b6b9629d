"""All DICOM knowledge of the archive: headers, values, names, UIDs, character sets, matching. Knows no Django."""
