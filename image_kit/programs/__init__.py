"""For other programs: a classifier that takes photos in any form, and a page and an address on this machine."""
