"""The WSGI application: `gunicorn _wsgi:app`, or for development `python _wsgi.py`.

The worker is a process of its own: `fishermask worker`.
"""

from fishermask_backend import logs
from fishermask_backend.settings import load_settings
from fishermask_backend.web.app import create_app

settings = load_settings()
logs.configure(settings)
app = create_app()

if __name__ == "__main__":
    app.run(host=settings.host, port=settings.port, threaded=True)
