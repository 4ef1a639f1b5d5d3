"""From the original dumps to a file of reviews: read, join, clean, filter, sample."""
