"""Teachers: what answers requests, behind one small interface (``base``)."""
