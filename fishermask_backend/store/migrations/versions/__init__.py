"""One file a step, `<number>_<what>.py`; its `revision` is the number."""
