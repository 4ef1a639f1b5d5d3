"""What people judge and annotate in Label Studio."""
