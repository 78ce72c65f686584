"""Where photo sets come from: drawings, Pixabay, exact splits."""
