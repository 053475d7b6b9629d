"""Who may: users, their roles, and which institutions' studies they see."""
