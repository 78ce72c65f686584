"""One training run, from the recipe to the scores."""
