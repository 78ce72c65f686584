"""Train, score and ask small image classifiers: the library behind the commands."""
