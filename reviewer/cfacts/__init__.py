"""C text to facts and syntax trees, no opinion. No git: it reads a SourceTree."""
