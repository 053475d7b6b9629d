"""The archive: the tables, the files and `ingest`, the only writer."""
