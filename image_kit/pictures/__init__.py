"""Every picture that the kit draws."""
