"""Door 3: DIMSE (PS3.7). Verification, storage, query and retrieval, storage commitment for other nodes."""
