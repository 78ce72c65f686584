"""One interface to trained networks, two engines (LiteRT and Keras), and their answers."""
