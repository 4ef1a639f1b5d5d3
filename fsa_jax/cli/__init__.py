"""The commands  and ."""
