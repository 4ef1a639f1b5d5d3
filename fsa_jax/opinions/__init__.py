"""What an opinion is: sentences, analyses, units, readers, scores. Pure Python, for all."""
