"""Mail and patches to PatchSeries: bytes in, values out. No git tree, no C."""
