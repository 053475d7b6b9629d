"""What is computed from the kept files and may be thrown away at any time: metadata as DICOM JSON, pictures.

Nothing here is believed without asking the index first: what is stored is found by a digest of what it was made of,
so that after any write, by whomever, the next reader gets what is true now.
"""
