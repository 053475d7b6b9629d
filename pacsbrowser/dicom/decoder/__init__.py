"""Processes that decode pixels: the only place where the C libraries of codecs meet the bytes of strangers.

They are started fresh (never forked), live on, and are limited in memory and time; one that dies is replaced and the
caller is told in which step.
"""

from pacsbrowser.dicom.decoder.pool import DecoderPool
from pacsbrowser.dicom.decoder.protocol import DecodingError, DocumentPage, Picture, Samples, Source

__all__ = ["DecoderPool", "DecodingError", "DocumentPage", "Picture", "Samples", "Source"]
