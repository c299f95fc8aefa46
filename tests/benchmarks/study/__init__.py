"""How many labels each strategy saves, on all sets of images at hand: docs/study.md."""
