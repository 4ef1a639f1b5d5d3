"""Going out and in: Hugging Face weights, configs and tokenizers."""
