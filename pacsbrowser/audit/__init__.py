"""The witness: who did what, when, from where, and how it ended. Events are added, never changed."""
