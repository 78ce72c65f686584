"""Reports: one HTML file each, complete in itself."""
