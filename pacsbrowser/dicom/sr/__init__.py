"""Structured reports (PS3.3 C.17): their content tree read, put in order for reading, and written as text and HTML."""
