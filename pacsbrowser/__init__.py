"""A browser-based PACS: it keeps DICOM files, shows them, and talks to other systems."""
