"""Door 2: DICOMweb (PS3.18). Search (QIDO-RS), retrieval (WADO-RS, WADO-URI) and storage (STOW-RS) for programs."""
