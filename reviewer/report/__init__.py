"""Values to text: terminal, HTML, JSON, drafts. Decides nothing."""
