"""Commands that belong to no app: starting, and what keeps the processes together."""
