"""The frozen values that cross a layer. No I/O, no third-party package. Read this first."""
