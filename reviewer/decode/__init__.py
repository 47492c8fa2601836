"""Reads the text of a crash and reasons about the pages in it; needs neither tree nor replay."""
