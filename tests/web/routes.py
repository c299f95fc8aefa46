"""Every route but those that are open to anybody."""

ROUTES = [
    ("POST", "/setup"), ("POST", "/predict"), ("POST", "/train"), ("GET", "/versions"),
    ("POST", "/validate"), ("POST", "/delete"), ("POST", "/duplicate_model"),
    ("POST", "/job_status"), ("GET", "/"), ("GET", "/projects"), ("GET", "/projects/7"),
    ("GET", "/metrics"), ("GET", "/ready"),
]  # fmt: skip
