"""One kind of reasoning a file; each turns knowledge and a rule into findings."""
