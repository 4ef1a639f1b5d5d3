"""What is told to those who get a model or a corpus: cards, and whose data is in it."""
