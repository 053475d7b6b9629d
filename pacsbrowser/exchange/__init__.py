"""What leaves and what is fetched: remote nodes, and the DIMSE associations that both sides of an exchange speak."""
