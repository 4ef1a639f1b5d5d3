"""The T5: network, layers, loss, its arithmetic, and where its arrays lie."""
